-- What are the records in the shape of the Athena table that AWS documents?
--
-- Lower-case names, texts, and structs: https://docs.aws.amazon.com/athena/latest/ug/cloudtrail-logs.html
-- The partition columns that such tables have (region, account, year, month, day, and the
-- `timestamp` or `date` of a partition projection) come from the event itself and not from the
-- day of its delivery. The twins are for analyzer/pruning.py.
CREATE SCHEMA IF NOT EXISTS twins;

CREATE OR REPLACE VIEW twins.cloudtrail_logs_flat AS
SELECT
    * REPLACE (strftime(event_time, '%m') AS month),
    event_version AS eventversion,
    strftime(event_time, '%Y-%m-%dT%H:%M:%SZ') AS eventtime,
    event_source AS eventsource,
    event_name AS eventname,
    aws_region AS awsregion,
    source_ip_address AS sourceipaddress,
    user_agent AS useragent,
    error_code AS errorcode,
    error_message AS errormessage,
    request_parameters AS requestparameters,
    response_elements AS responseelements,
    additional_event_data AS additionaleventdata,
    request_id AS requestid,
    event_id AS eventid,
    read_only::VARCHAR AS readonly,
    event_type AS eventtype,
    api_version AS apiversion,
    management_event::VARCHAR AS managementevent,
    recipient_account_id AS recipientaccountid,
    service_event_details AS serviceeventdetails,
    shared_event_id AS sharedeventid,
    vpc_endpoint_id AS vpcendpointid,
    vpc_endpoint_account_id AS vpcendpointaccountid,
    event_category AS eventcategory,
    session_credential_from_console AS sessioncredentialfromconsole,
    edge_device_details AS edgedevicedetails,
    insight_details AS insightdetails,
    event_context AS eventcontext,
    aws_region AS region,
    strftime(event_time, '%Y') AS year,
    strftime(event_time, '%d') AS day,
    strftime(event_time, '%Y/%m/%d') AS "timestamp",
    strftime(event_time, '%Y/%m/%d') AS date,
    account_of(
        recipient_account_id,
        user_identity_account_id,
        user_identity_session_issuer_account_id
    ) AS account
FROM events;

CREATE OR REPLACE VIEW twins.cloudtrail_logs_wide AS
WITH struct_members AS (
    SELECT
        *,
        coalesce(*COLUMNS('^user_identity_')) AS any_identity,
        coalesce(*COLUMNS('^user_identity_(session|web_id|source|ec2|assumed)_')) AS any_session,
        coalesce(*COLUMNS('^user_identity_session_(creation|mfa)_')) AS any_attributes,
        coalesce(*COLUMNS('^user_identity_session_issuer_')) AS any_issuer,
        coalesce(*COLUMNS('^user_identity_web_id_')) AS any_web_id,
        coalesce(*COLUMNS('^user_identity_on_behalf_of_')) AS any_on_behalf_of,
        coalesce(*COLUMNS('^user_identity_in_scope_of_')) AS any_in_scope_of,
        coalesce(*COLUMNS('^user_identity_invoked_by_delegate_')) AS any_delegate,
        coalesce(*COLUMNS('^tls_')) AS any_tls
    FROM twins.cloudtrail_logs_flat
)
SELECT
    COLUMNS('^(user_identity|tls)_'),
    event_time,
    eventversion,
    CASE
        WHEN any_identity IS NOT NULL
        THEN struct_pack(
            "type" := user_identity_type,
            principalid := user_identity_principal_id,
            arn := user_identity_arn,
            accountid := user_identity_account_id,
            invokedby := user_identity_invoked_by,
            accesskeyid := user_identity_access_key_id,
            username := user_identity_user_name,
            identityprovider := user_identity_identity_provider,
            credentialid := user_identity_credential_id,
            onbehalfof := CASE
                WHEN any_on_behalf_of IS NOT NULL
                THEN struct_pack(
                    userid := user_identity_on_behalf_of_user_id,
                    identitystorearn := user_identity_on_behalf_of_identity_store_arn
                )
            END,
            inscopeof := CASE
                WHEN any_in_scope_of IS NOT NULL
                THEN struct_pack(
                    sourcearn := user_identity_in_scope_of_source_arn,
                    sourceaccount := user_identity_in_scope_of_source_account,
                    issuertype := user_identity_in_scope_of_issuer_type,
                    credentialsissuedto := user_identity_in_scope_of_credentials_issued_to
                )
            END,
            sessioncontext := CASE
                WHEN any_session IS NOT NULL
                THEN struct_pack(
                    attributes := CASE
                        WHEN any_attributes IS NOT NULL
                        THEN struct_pack(
                            mfaauthenticated := user_identity_session_mfa_authenticated,
                            creationdate := user_identity_session_creation_date
                        )
                    END,
                    sessionissuer := CASE
                        WHEN any_issuer IS NOT NULL
                        THEN struct_pack(
                            "type" := user_identity_session_issuer_type,
                            principalid := user_identity_session_issuer_principal_id,
                            arn := user_identity_session_issuer_arn,
                            accountid := user_identity_session_issuer_account_id,
                            username := user_identity_session_issuer_user_name
                        )
                    END,
                    sourceidentity := user_identity_source_identity,
                    ec2roledelivery := user_identity_ec2_role_delivery,
                    webidfederationdata := CASE
                        WHEN any_web_id IS NOT NULL
                        THEN struct_pack(
                            federatedprovider := user_identity_web_id_federated_provider,
                            attributes := from_json(
                                user_identity_web_id_attributes, '"MAP(VARCHAR, VARCHAR)"'
                            )
                        )
                    END
                )
            END
        )
    END AS useridentity,
    eventtime,
    eventsource,
    eventname,
    awsregion,
    sourceipaddress,
    useragent,
    errorcode,
    errormessage,
    requestparameters,
    responseelements,
    additionaleventdata,
    requestid,
    eventid,
    readonly,
    list_transform(
        from_json(
            resources,
            '[{"ARN": "VARCHAR", "accountId": "VARCHAR", "type": "VARCHAR", "ARNPrefix": "VARCHAR"}]'
        ),
        lambda each: struct_pack(
            arn := each.ARN,
            accountid := each.accountId,
            "type" := each."type",
            arnprefix := each.ARNPrefix
        )
    ) AS resources,
    eventtype,
    apiversion,
    managementevent,
    recipientaccountid,
    serviceeventdetails,
    sharedeventid,
    vpcendpointid,
    vpcendpointaccountid,
    eventcategory,
    from_json(
        addendum,
        '{"reason": "VARCHAR", "updatedFields": "VARCHAR", "originalRequestID": "VARCHAR", "originalEventID": "VARCHAR"}'
    ) AS addendum,
    sessioncredentialfromconsole,
    edgedevicedetails,
    insightdetails,
    CASE
        WHEN any_tls IS NOT NULL
        THEN struct_pack(
            tlsversion := tls_version,
            ciphersuite := tls_cipher_suite,
            clientprovidedhostheader := tls_client_provided_host_header,
            keyexchange := tls_key_exchange
        )
    END AS tlsdetails,
    eventcontext,
    annotation,
    region,
    account,
    year,
    month,
    day,
    "timestamp",
    date
FROM struct_members;

CREATE OR REPLACE TEMP VIEW cloudtrail_logs AS
SELECT COLUMNS('^[^_]+$') FROM twins.cloudtrail_logs_wide;
