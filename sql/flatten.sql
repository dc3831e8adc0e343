-- What are the rows of `events` for the records of a batch, in their order?
--
-- log_records(record, extra, source_key) holds JSON texts of the documented shape, as decode
-- leaves them; the variable record_shape is that shape, made from analyzer/schema.py.
-- A time that is not written as CloudTrail writes it, or lies before 1970, is kept in `extra` as
-- well, as it came.
-- id_hash and text_hash are for dedupe and go no further than the run.
WITH shaped AS (
    SELECT record, from_json(record, getvariable('record_shape')) AS r, extra, source_key
    FROM log_records
),
timed AS (
    SELECT
        *,
        CASE WHEN length(r.eventTime) = 20 THEN try_strptime(r.eventTime, '%Y-%m-%dT%H:%M:%SZ') END
            AS as_documented,
        CASE WHEN as_documented >= TIMESTAMP '1970-01-01' THEN as_documented END AS event_time
    FROM shaped
)
SELECT
    CASE
        WHEN event_time IS NULL AND r.eventTime IS NOT NULL
        THEN CASE
            WHEN r.eventTime SIMILAR TO '[0-9]{8}T[0-9]{6}Z'
            THEN try_strptime(r.eventTime, '%Y%m%dT%H%M%SZ')
            WHEN r.eventTime SIMILAR TO '(19[7-9]|[2-9][0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}([ T].*)?'
            THEN make_timestamp(epoch_us(try_cast(r.eventTime AS TIMESTAMPTZ)))
        END
        ELSE event_time
    END AS event_time,
    r.eventID AS event_id,
    r.eventVersion AS event_version,
    r.eventSource AS event_source,
    r.eventName AS event_name,
    r.eventType AS event_type,
    r.eventCategory AS event_category,
    r.awsRegion AS aws_region,
    r.sourceIPAddress AS source_ip_address,
    r.userAgent AS user_agent,
    r.errorCode AS error_code,
    r.errorMessage AS error_message,
    r.requestID AS request_id,
    r.apiVersion AS api_version,
    r.recipientAccountId AS recipient_account_id,
    r.sharedEventID AS shared_event_id,
    r.vpcEndpointId AS vpc_endpoint_id,
    r.vpcEndpointAccountId AS vpc_endpoint_account_id,
    r.sessionCredentialFromConsole AS session_credential_from_console,
    r.readOnly AS read_only,
    r.managementEvent AS management_event,
    r.tlsDetails.tlsVersion AS tls_version,
    r.tlsDetails.cipherSuite AS tls_cipher_suite,
    r.tlsDetails.clientProvidedHostHeader AS tls_client_provided_host_header,
    r.tlsDetails.keyExchange AS tls_key_exchange,
    r.userIdentity.type AS user_identity_type,
    r.userIdentity.principalId AS user_identity_principal_id,
    r.userIdentity.arn AS user_identity_arn,
    r.userIdentity.accountId AS user_identity_account_id,
    r.userIdentity.accessKeyId AS user_identity_access_key_id,
    r.userIdentity.userName AS user_identity_user_name,
    r.userIdentity.invokedBy AS user_identity_invoked_by,
    r.userIdentity.identityProvider AS user_identity_identity_provider,
    r.userIdentity.credentialId AS user_identity_credential_id,
    r.userIdentity.sessionContext.sourceIdentity AS user_identity_source_identity,
    r.userIdentity.sessionContext.ec2RoleDelivery AS user_identity_ec2_role_delivery,
    r.userIdentity.sessionContext.assumedRoot AS user_identity_assumed_root,
    r.userIdentity.sessionContext.ec2IssuedInVpc AS user_identity_ec2_issued_in_vpc,
    r.userIdentity.sessionContext.attributes.creationDate AS user_identity_session_creation_date,
    r.userIdentity.sessionContext.attributes.mfaAuthenticated AS user_identity_session_mfa_authenticated,
    r.userIdentity.sessionContext.sessionIssuer.type AS user_identity_session_issuer_type,
    r.userIdentity.sessionContext.sessionIssuer.principalId AS user_identity_session_issuer_principal_id,
    r.userIdentity.sessionContext.sessionIssuer.arn AS user_identity_session_issuer_arn,
    r.userIdentity.sessionContext.sessionIssuer.accountId AS user_identity_session_issuer_account_id,
    r.userIdentity.sessionContext.sessionIssuer.userName AS user_identity_session_issuer_user_name,
    r.userIdentity.sessionContext.webIdFederationData.federatedProvider AS user_identity_web_id_federated_provider,
    r.userIdentity.sessionContext.webIdFederationData.attributes AS user_identity_web_id_attributes,
    r.userIdentity.onBehalfOf.userId AS user_identity_on_behalf_of_user_id,
    r.userIdentity.onBehalfOf.identityStoreArn AS user_identity_on_behalf_of_identity_store_arn,
    r.userIdentity.inScopeOf.sourceArn AS user_identity_in_scope_of_source_arn,
    r.userIdentity.inScopeOf.sourceAccount AS user_identity_in_scope_of_source_account,
    r.userIdentity.inScopeOf.issuerType AS user_identity_in_scope_of_issuer_type,
    r.userIdentity.inScopeOf.credentialsIssuedTo AS user_identity_in_scope_of_credentials_issued_to,
    r.userIdentity.inScopeOf.credentialsIssuedToVersion AS user_identity_in_scope_of_credentials_issued_to_version,
    r.userIdentity.invokedByDelegate.accountId AS user_identity_invoked_by_delegate_account_id,
    r.requestParameters AS request_parameters,
    r.responseElements AS response_elements,
    r.additionalEventData AS additional_event_data,
    r.serviceEventDetails AS service_event_details,
    r.resources AS resources,
    r.addendum AS addendum,
    r.edgeDeviceDetails AS edge_device_details,
    r.insightDetails AS insight_details,
    r.eventContext AS event_context,
    r.annotation AS annotation,
    CASE
        WHEN event_time IS NULL AND r.eventTime IS NOT NULL
        THEN '{"eventTime":' || to_json(r.eventTime) || coalesce(',' || extra[2:], '}')
        ELSE extra
    END AS extra,
    source_key,
    CASE WHEN r.eventID IS NOT NULL THEN hash(r.eventID) END AS id_hash,
    hash(record, extra) AS text_hash
FROM timed
