-- The same records in AWS's own names and structs, for queries written for CloudTrail Lake?
--
-- Built from the flat columns, so a query reads only the columns and structs that it names.
CREATE OR REPLACE TEMP VIEW cloudtrail AS
SELECT
    event_version AS eventVersion,
    struct_pack(
        "type" := user_identity_type,
        principalId := user_identity_principal_id,
        arn := user_identity_arn,
        accountId := user_identity_account_id,
        accessKeyId := user_identity_access_key_id,
        userName := user_identity_user_name,
        sessionContext := struct_pack(
            attributes := struct_pack(
                creationDate := user_identity_session_creation_date,
                mfaAuthenticated := user_identity_session_mfa_authenticated
            ),
            sessionIssuer := struct_pack(
                "type" := user_identity_session_issuer_type,
                principalId := user_identity_session_issuer_principal_id,
                arn := user_identity_session_issuer_arn,
                accountId := user_identity_session_issuer_account_id,
                userName := user_identity_session_issuer_user_name
            ),
            webIdFederationData := struct_pack(
                federatedProvider := user_identity_web_id_federated_provider,
                attributes := from_json(
                    user_identity_web_id_attributes, '"MAP(VARCHAR, VARCHAR)"'
                )
            ),
            sourceIdentity := user_identity_source_identity,
            ec2RoleDelivery := user_identity_ec2_role_delivery,
            ec2IssuedInVpc := user_identity_ec2_issued_in_vpc,
            assumedRoot := user_identity_assumed_root
        ),
        invokedBy := user_identity_invoked_by,
        identityProvider := user_identity_identity_provider,
        credentialId := user_identity_credential_id,
        onBehalfOf := struct_pack(
            userId := user_identity_on_behalf_of_user_id,
            identityStoreArn := user_identity_on_behalf_of_identity_store_arn
        ),
        inScopeOf := struct_pack(
            sourceArn := user_identity_in_scope_of_source_arn,
            sourceAccount := user_identity_in_scope_of_source_account,
            issuerType := user_identity_in_scope_of_issuer_type,
            credentialsIssuedTo := user_identity_in_scope_of_credentials_issued_to,
            credentialsIssuedToVersion := user_identity_in_scope_of_credentials_issued_to_version
        ),
        invokedByDelegate := struct_pack(
            accountId := user_identity_invoked_by_delegate_account_id
        )
    ) AS userIdentity,
    event_time AS eventTime,
    event_source AS eventSource,
    event_name AS eventName,
    aws_region AS awsRegion,
    source_ip_address AS sourceIPAddress,
    user_agent AS userAgent,
    error_code AS errorCode,
    error_message AS errorMessage,
    from_json(request_parameters, '"MAP(VARCHAR, VARCHAR)"') AS requestParameters,
    from_json(response_elements, '"MAP(VARCHAR, VARCHAR)"') AS responseElements,
    from_json(additional_event_data, '"MAP(VARCHAR, VARCHAR)"') AS additionalEventData,
    request_id AS requestID,
    event_id AS eventID,
    read_only AS readOnly,
    from_json(
        resources, '[{"accountId": "VARCHAR", "type": "VARCHAR", "ARN": "VARCHAR", "ARNPrefix": "VARCHAR"}]'
    ) AS resources,
    event_type AS eventType,
    api_version AS apiVersion,
    management_event AS managementEvent,
    recipient_account_id AS recipientAccountId,
    shared_event_id AS sharedEventID,
    annotation,
    vpc_endpoint_id AS vpcEndpointId,
    vpc_endpoint_account_id AS vpcEndpointAccountId,
    from_json(service_event_details, '"MAP(VARCHAR, VARCHAR)"') AS serviceEventDetails,
    from_json(
        addendum,
        '{"reason": "VARCHAR", "updatedFields": "VARCHAR", "originalRequestID": "VARCHAR", "originalEventID": "VARCHAR"}'
    ) AS addendum,
    edge_device_details AS edgeDeviceDetails,
    insight_details AS insightDetails,
    event_category AS eventCategory,
    session_credential_from_console AS sessionCredentialFromConsole,
    struct_pack(
        tlsVersion := tls_version,
        cipherSuite := tls_cipher_suite,
        clientProvidedHostHeader := tls_client_provided_host_header,
        keyExchange := tls_key_exchange
    ) AS tlsDetails,
    event_context AS eventContext
FROM events;
