-- What are the records in CloudTrail Lake's names, types and structs?
--
-- The schema that AWS documents for event data stores:
-- https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html
-- twins.cloudtrail_flat and twins.cloudtrail_wide hold the flat columns of the structs as well; by
-- way of analyzer/pruning.py a query reads those, so that a member of a struct costs one column and
-- is filtered in the Parquet scan. They have a schema of their own, where nobody comes upon them.
-- eventJson is the record put together anew: equal in value to what CloudTrail wrote, not in
-- bytes, so eventJsonChecksum cannot be known.
CREATE OR REPLACE TEMP MACRO members(object) AS nullif(json_merge_patch('{}', object), '{}');

CREATE SCHEMA IF NOT EXISTS twins;

CREATE OR REPLACE VIEW twins.cloudtrail_flat AS
SELECT
    *,
    event_version AS eventVersion,
    event_time AS eventTime,
    event_source AS eventSource,
    event_name AS eventName,
    aws_region AS awsRegion,
    source_ip_address AS sourceIPAddress,
    user_agent AS userAgent,
    error_code AS errorCode,
    error_message AS errorMessage,
    request_id AS requestID,
    event_id AS eventID,
    read_only AS readOnly,
    event_type AS eventType,
    api_version AS apiVersion,
    management_event AS managementEvent,
    recipient_account_id AS recipientAccountId,
    shared_event_id AS sharedEventID,
    vpc_endpoint_id AS vpcEndpointId,
    vpc_endpoint_account_id AS vpcEndpointAccountId,
    event_category AS eventCategory,
    try_cast(session_credential_from_console AS BOOLEAN) AS sessionCredentialFromConsole
FROM events;

-- A struct of which the record has no member is NULL, as it is in AWS's tables; any_… has one of
-- the members that a record has.
CREATE OR REPLACE VIEW twins.cloudtrail_wide AS
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
    FROM twins.cloudtrail_flat
)
SELECT
    COLUMNS('^(user_identity|tls)_'),
    eventVersion,
    CASE
        WHEN any_identity IS NOT NULL
        THEN struct_pack(
            "type" := user_identity_type,
            principalId := user_identity_principal_id,
            arn := user_identity_arn,
            accountId := user_identity_account_id,
            accessKeyId := user_identity_access_key_id,
            userName := user_identity_user_name,
            sessionContext := CASE
                WHEN any_session IS NOT NULL
                THEN struct_pack(
                    attributes := CASE
                        WHEN any_attributes IS NOT NULL
                        THEN struct_pack(
                            creationDate := coalesce(
                                try_strptime(user_identity_session_creation_date, '%Y%m%dT%H%M%SZ'),
                                make_timestamp(
                                    epoch_us(
                                        try_cast(user_identity_session_creation_date AS TIMESTAMPTZ)
                                    )
                                )
                            ),
                            mfaAuthenticated := user_identity_session_mfa_authenticated
                        )
                    END,
                    sessionIssuer := CASE
                        WHEN any_issuer IS NOT NULL
                        THEN struct_pack(
                            "type" := user_identity_session_issuer_type,
                            principalId := user_identity_session_issuer_principal_id,
                            arn := user_identity_session_issuer_arn,
                            accountId := user_identity_session_issuer_account_id,
                            userName := user_identity_session_issuer_user_name
                        )
                    END,
                    webIdFederationData := CASE
                        WHEN any_web_id IS NOT NULL
                        THEN struct_pack(
                            federatedProvider := user_identity_web_id_federated_provider,
                            attributes := from_json(
                                user_identity_web_id_attributes, '"MAP(VARCHAR, VARCHAR)"'
                            )
                        )
                    END,
                    sourceIdentity := user_identity_source_identity,
                    ec2RoleDelivery := user_identity_ec2_role_delivery,
                    ec2IssuedInVpc := user_identity_ec2_issued_in_vpc,
                    assumedRoot := user_identity_assumed_root
                )
            END,
            invokedBy := user_identity_invoked_by,
            identityProvider := user_identity_identity_provider,
            credentialId := user_identity_credential_id,
            onBehalfOf := CASE
                WHEN any_on_behalf_of IS NOT NULL
                THEN struct_pack(
                    userId := user_identity_on_behalf_of_user_id,
                    identityStoreArn := user_identity_on_behalf_of_identity_store_arn
                )
            END,
            inScopeOf := CASE
                WHEN any_in_scope_of IS NOT NULL
                THEN struct_pack(
                    sourceArn := user_identity_in_scope_of_source_arn,
                    sourceAccount := user_identity_in_scope_of_source_account,
                    issuerType := user_identity_in_scope_of_issuer_type,
                    credentialsIssuedTo := user_identity_in_scope_of_credentials_issued_to,
                    credentialsIssuedToVersion := user_identity_in_scope_of_credentials_issued_to_version
                )
            END,
            invokedByDelegate := CASE
                WHEN any_delegate IS NOT NULL
                THEN struct_pack(
                    accountId := user_identity_invoked_by_delegate_account_id
                )
            END
        )
    END AS userIdentity,
    eventTime,
    eventSource,
    eventName,
    awsRegion,
    sourceIPAddress,
    userAgent,
    errorCode,
    errorMessage,
    from_json(request_parameters, '"MAP(VARCHAR, VARCHAR)"') AS requestParameters,
    from_json(response_elements, '"MAP(VARCHAR, VARCHAR)"') AS responseElements,
    from_json(additional_event_data, '"MAP(VARCHAR, VARCHAR)"') AS additionalEventData,
    requestID,
    eventID,
    readOnly,
    from_json(
        resources, '[{"accountId": "VARCHAR", "type": "VARCHAR", "ARN": "VARCHAR", "ARNPrefix": "VARCHAR"}]'
    ) AS resources,
    eventType,
    apiVersion,
    managementEvent,
    recipientAccountId,
    sharedEventID,
    annotation,
    vpcEndpointId,
    vpcEndpointAccountId,
    from_json(service_event_details, '"MAP(VARCHAR, VARCHAR)"') AS serviceEventDetails,
    from_json(
        addendum,
        '{"reason": "VARCHAR", "updatedFields": "VARCHAR", "originalRequestID": "VARCHAR", "originalEventID": "VARCHAR"}'
    ) AS addendum,
    edge_device_details AS edgeDeviceDetails,
    insight_details AS insightDetails,
    eventCategory,
    sessionCredentialFromConsole,
    CASE
        WHEN any_tls IS NOT NULL
        THEN struct_pack(
            tlsVersion := tls_version,
            cipherSuite := tls_cipher_suite,
            clientProvidedHostHeader := tls_client_provided_host_header,
            keyExchange := tls_key_exchange
        )
    END AS tlsDetails,
    event_context AS eventContext,
    json_merge_patch(
        '{' || concat_ws(
            ',',
            members(
                json_object(
                    'eventVersion', event_version,
                    'eventTime', strftime(event_time, '%Y-%m-%dT%H:%M:%SZ'),
                    'eventSource', event_source,
                    'eventName', event_name,
                    'awsRegion', aws_region,
                    'sourceIPAddress', source_ip_address,
                    'userAgent', user_agent,
                    'errorCode', error_code,
                    'errorMessage', error_message,
                    'requestID', request_id,
                    'eventID', event_id,
                    'readOnly', read_only,
                    'eventType', event_type,
                    'apiVersion', api_version,
                    'managementEvent', management_event,
                    'recipientAccountId', recipient_account_id,
                    'sharedEventID', shared_event_id,
                    'vpcEndpointId', vpc_endpoint_id,
                    'vpcEndpointAccountId', vpc_endpoint_account_id,
                    'eventCategory', event_category,
                    'sessionCredentialFromConsole', session_credential_from_console
                )
            )[2:-2],
            '"userIdentity":' || members(
                json_object(
                    'type', user_identity_type,
                    'principalId', user_identity_principal_id,
                    'arn', user_identity_arn,
                    'accountId', user_identity_account_id,
                    'accessKeyId', user_identity_access_key_id,
                    'userName', user_identity_user_name,
                    'invokedBy', user_identity_invoked_by,
                    'identityProvider', user_identity_identity_provider,
                    'credentialId', user_identity_credential_id,
                    'sessionContext', members(
                        json_object(
                            'attributes', members(
                                json_object(
                                    'creationDate', user_identity_session_creation_date,
                                    'mfaAuthenticated', user_identity_session_mfa_authenticated
                                )
                            ),
                            'sessionIssuer', members(
                                json_object(
                                    'type', user_identity_session_issuer_type,
                                    'principalId', user_identity_session_issuer_principal_id,
                                    'arn', user_identity_session_issuer_arn,
                                    'accountId', user_identity_session_issuer_account_id,
                                    'userName', user_identity_session_issuer_user_name
                                )
                            ),
                            'webIdFederationData', members(
                                json_object(
                                    'federatedProvider', user_identity_web_id_federated_provider,
                                    'attributes', user_identity_web_id_attributes::JSON
                                )
                            ),
                            'sourceIdentity', user_identity_source_identity,
                            'ec2RoleDelivery', user_identity_ec2_role_delivery,
                            'ec2IssuedInVpc', user_identity_ec2_issued_in_vpc,
                            'assumedRoot', user_identity_assumed_root
                        )
                    ),
                    'onBehalfOf', members(
                        json_object(
                            'userId', user_identity_on_behalf_of_user_id,
                            'identityStoreArn', user_identity_on_behalf_of_identity_store_arn
                        )
                    ),
                    'inScopeOf', members(
                        json_object(
                            'sourceArn', user_identity_in_scope_of_source_arn,
                            'sourceAccount', user_identity_in_scope_of_source_account,
                            'issuerType', user_identity_in_scope_of_issuer_type,
                            'credentialsIssuedTo',
                            user_identity_in_scope_of_credentials_issued_to,
                            'credentialsIssuedToVersion',
                            user_identity_in_scope_of_credentials_issued_to_version
                        )
                    ),
                    'invokedByDelegate', members(
                        json_object('accountId', user_identity_invoked_by_delegate_account_id)
                    )
                )
            ),
            '"tlsDetails":' || members(
                json_object(
                    'tlsVersion', tls_version,
                    'cipherSuite', tls_cipher_suite,
                    'clientProvidedHostHeader', tls_client_provided_host_header,
                    'keyExchange', tls_key_exchange
                )
            ),
            '"requestParameters":' || request_parameters,
            '"responseElements":' || response_elements,
            '"additionalEventData":' || additional_event_data,
            '"serviceEventDetails":' || service_event_details,
            '"resources":' || resources,
            '"addendum":' || addendum,
            '"edgeDeviceDetails":' || edge_device_details,
            '"insightDetails":' || insight_details,
            '"eventContext":' || event_context,
            '"annotation":' || annotation
        ) || '}',
        coalesce(extra, '{}')
    )::VARCHAR AS eventJson,
    NULL::VARCHAR AS eventJsonChecksum
FROM struct_members;

CREATE OR REPLACE TEMP VIEW cloudtrail AS
SELECT COLUMNS('^[^_]+$') FROM twins.cloudtrail_wide;
