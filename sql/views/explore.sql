-- What does a version, or a user agent, come down to?
CREATE OR REPLACE TEMP MACRO legacy(version) AS is_legacy(version);

-- The AWS SDK or tool in a user agent, with its version, such as `aws-sdk-java/1.7.4`.
CREATE OR REPLACE TEMP MACRO sdk(user_agent) AS nullif(
    regexp_extract(
        user_agent, '(?i)\b(aws-cli|aws-sdk-[a-z0-9.+-]+|boto3|botocore|boto)/[0-9][^\s\])]*'
    ),
    ''
);
