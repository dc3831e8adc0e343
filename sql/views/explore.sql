-- What does a version, or a user agent, come down to?
CREATE OR REPLACE TEMP MACRO legacy(version) AS is_legacy(version);

-- The AWS SDK or CLI in a user agent, with its version, word for word: `aws-sdk-java/1.7.4`.
-- What the word stands for, and whatever else a user agent says, is in client(user_agent); the
-- tests hold the two together.
CREATE OR REPLACE TEMP MACRO sdk(user_agent) AS nullif(
    regexp_extract(
        user_agent, '(?i)\b(aws-cli|aws-sdk-[a-z0-9.+-]+|boto3|botocore|boto)/[0-9][^\s\])]*'
    ),
    ''
);
