-- Whose call is each record? The columns of events, and in front of them:
--
-- account_id: the account, by the rule of AWS's own processing library.
-- principal: the role or user that issued the session, else the caller itself.
CREATE OR REPLACE TEMP VIEW attributed_events AS
SELECT
    account_of(
        recipient_account_id, user_identity_account_id, user_identity_session_issuer_account_id
    ) AS account_id,
    coalesce(
        nullif(user_identity_session_issuer_arn, ''),
        nullif(user_identity_arn, ''),
        nullif(user_identity_principal_id, ''),
        nullif(user_identity_invoked_by, '')
    ) AS principal,
    *
FROM events;
