# ruff: noqa: E501 (a user agent or a payload is one line, however long)
"""The words of generated CloudTrail records: services and their events, callers, user agents.

Tables only; `generate.py` writes the records. A `%(name)s` in a text stands for a value
that is filled in for every record: a constant of the account, Region or caller, or one of
CHOICES, HEX, BASE32, BASE64, NUMBERS, DIGITS, POOLS and REPEATS below. One name keeps its value
within a record; `%(name#2)s` asks for another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

REGIONS = (
    "us-east-1",
    "eu-west-1",
    "us-west-2",
    "ap-southeast-2",
    "eu-central-1",
    "us-east-2",
    "ap-northeast-1",
    "ca-central-1",
    "sa-east-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-northeast-2",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "us-west-1",
    "ap-northeast-3",
)
SERVICE_SKEW = 0.8  # the n-th of SERVICES has a weight of 1/n to this power
GLOBAL_REGION = "us-east-1"  # where the global services record their events

# (version, share); 1.05 is older than tlsDetails and eventCategory.
EVENT_VERSIONS = (("1.08", 0.6), ("1.09", 0.2), ("1.10", 0.08), ("1.11", 0.11), ("1.05", 0.01))
OLD_VERSION = "1.05"
KEY_EXCHANGE_VERSIONS = ("1.11",)
ENDPOINT_OWNER_VERSIONS = ("1.09", "1.10", "1.11")

CIPHERS = {
    "TLSv1": ("ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "AES128-SHA"),
    "TLSv1.1": ("ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA"),
    "TLSv1.2": (
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-SHA",
    ),
    "TLSv1.3": ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"),
}
KEY_EXCHANGES = {
    "TLSv1.2": ("secp256r1", "x25519"),
    "TLSv1.3": ("x25519", "X25519MLKEM768", "secp256r1"),
}
# What a kind of client negotiates: (version, share).
TLS_MIXES = {
    "modern": (("TLSv1.2", 0.6), ("TLSv1.3", 0.4)),
    "openssl 1.0": (("TLSv1.2", 1.0),),
    "TLS 1.1 at most": (("TLSv1.1", 1.0),),
    "TLS 1.0 at most": (("TLSv1", 1.0),),
}

# ---------------------------------------------------------------- values

HEX = {"hex8": 4, "hex16": 8, "hex32": 16, "hex64": 32}  # name -> random bytes
BASE32 = {"key16": 10}
BASE64 = {"amz_id": 56, "short_amz_id": 32, "page": 48, "token": 260, "long_token": 500}
NUMBERS = {"port": 65536, "percent": 100, "bytes": 5_000_000, "few": 9}  # name -> less than
DIGITS = {"serial": 10, "short_serial": 7}
CHOICES = {
    "word": (
        "orders", "billing", "search", "media", "ledger", "gateway", "catalog", "session",
        "invoice", "metrics", "archive", "notify", "profile", "pricing", "shipping", "audit",
        "reports", "ingest", "identity", "checkout",
    ),
    "stage": ("prod", "prod", "prod", "staging", "dev", "test"),
    "instance_type": ("t3.medium", "m5.large", "m6i.xlarge", "c5.2xlarge", "r5.large", "c6g.large"),
    "person": (
        "alex.meyer", "b.okafor", "chen.wei", "d.rossi", "elena.k", "f.silva", "g.nakamura",
        "h.lindqvist", "i.haddad", "j.novak", "k.brown", "l.dubois",
    ),
    "invoker": (
        "autoscaling.amazonaws.com", "cloudformation.amazonaws.com", "s3.amazonaws.com",
        "dynamodb.amazonaws.com", "rds.amazonaws.com", "secretsmanager.amazonaws.com",
        "ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com", "AWS Internal",
    ),
    "service": (
        "ec2.amazonaws.com", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com",
        "autoscaling.amazonaws.com", "config.amazonaws.com", "cloudtrail.amazonaws.com",
        "ssm.amazonaws.com", "rds.amazonaws.com", "backup.amazonaws.com", "sso.amazonaws.com",
    ),
    "suffix": ("json", "parquet", "gz", "jpg", "csv", "log", "avro"),
    "metric": ("CPUUtilization", "Latency", "RequestCount", "FreeStorageSpace", "Errors"),
    "http_status": ("200", "304", "403", "500"),
    "flag": ("true", "false"),
}  # fmt: skip
# Ids that exist in an account and Region and are met again: name -> (text, how many).
POOLS = {
    "instance": ("i-0%(hex16)s", 400),
    "volume": ("vol-0%(hex16)s", 400),
    "subnet": ("subnet-0%(hex16)s", 24),
    "vpc": ("vpc-0%(hex16)s", 6),
    "vpce": ("vpce-0%(hex16)s", 6),
    "group": ("sg-0%(hex16)s", 60),
    "image": ("ami-0%(hex16)s", 40),
    "interface": ("eni-0%(hex16)s", 400),
    "bucket": ("%(word)s-%(stage)s-%(hex8)s", 60),
    "kms_key": ("%(uuid)s", 40),
    "function": ("%(word)s-%(stage)s-%(word#2)s", 80),
    "table": ("%(word)s-%(stage)s", 40),
    "queue": ("%(word)s-%(stage)s-%(word#2)s", 60),
    "cluster": ("%(word)s-%(stage)s", 8),
    "repository": ("%(word)s/%(word#2)s", 40),
    "secret": ("%(stage)s/%(word)s/%(word#2)s-%(hex8)s", 60),
    "database": ("%(word)s-%(stage)s-%(few)s", 20),
    "stack": ("%(word)s-%(stage)s/%(uuid)s", 60),
    "log_group": ("/aws/lambda/%(word)s-%(stage)s-%(word#2)s", 90),
    "balancer": ("app/%(word)s-%(stage)s/%(hex16)s", 20),
    "zone": ("Z0%(key16)s", 6),
    "task_family": ("%(word)s-%(stage)s", 30),
    "target_role": ("%(word)s-%(stage)s-%(word#2)s", 50),
    "private_ip": ("10.%(few)s.%(percent)s.%(percent#2)s", 300),
    "other_account": ("%(few)s2%(serial)s", 12),
    "oidc": ("%(hex32)s", 2),
    "object_prefix": ("%(word)s/%(word#2)s/part-%(few)s%(few#2)s", 200),
}
# Lists of a record: name -> (item, fewest, most). Few are common and many are rare.
REPEATS = {
    "instances": ('{"instanceId":"%(instance)s"}', 1, 150),
    "interfaces": (
        '{"networkInterfaceId":"%(interface)s","subnetId":"%(subnet)s","vpcId":"%(vpc)s","ownerId":"%(account)s","requesterManaged":false,"status":"in-use","macAddress":"0a:%(few)s%(few#2)s:%(few#3)s4:%(few#4)s1:%(few#5)s0:2c","privateIpAddress":"%(private_ip)s","sourceDestCheck":true,"groupSet":{"items":[{"groupId":"%(group)s","groupName":"%(word)s-%(stage)s"}]},"privateIpAddressesSet":{"item":[{"privateIpAddress":"%(private_ip)s","primary":true}]},"ipv6AddressesSet":{},"tagSet":{}}',
        1, 1,
    ),
    "launched": (
        '{"instanceId":"%(instance)s","imageId":"%(image)s","currentState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-%(few)s-%(percent)s-%(percent#2)s.ec2.internal","amiLaunchIndex":%(few)s,"productCodes":{},"instanceType":"%(instance_type)s","launchTime":166%(serial)s,"placement":{"availabilityZone":"%(region)sa","tenancy":"default"},"monitoring":{"state":"disabled"},"subnetId":"%(subnet)s","vpcId":"%(vpc)s","privateIpAddress":"%(private_ip)s","stateReason":{"code":"pending","message":"pending"},"architecture":"x86_64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda","blockDeviceMapping":{},"virtualizationType":"hvm","hypervisor":"xen","tagSet":{"items":[{"key":"Name","value":"%(word)s-%(stage)s"},{"key":"team","value":"%(word#2)s"}]},"clientToken":"%(uuid)s","groupSet":{"items":[{"groupId":"%(group)s","groupName":"%(word)s"}]},"sourceDestCheck":true,"ebsOptimized":false,"cpuOptions":{"coreCount":2,"threadsPerCore":2},"enclaveOptions":{"enabled":false},"metadataOptions":{"state":"pending","httpTokens":"required","httpPutResponseHopLimit":2}}',
        1, 20,
    ),
    "metric_queries": (
        '{"id":"m%(serial)s","metricStat":{"metric":{"namespace":"AWS/EC2","metricName":"%(metric)s","dimensions":[{"name":"InstanceId","value":"%(instance)s"}]},"period":300,"stat":"Average"},"returnData":true}',
        1, 90,
    ),
    "containers": (
        '{"name":"%(word)s","image":"%(account)s.dkr.ecr.%(region)s.amazonaws.com/%(repository)s:%(hex8)s","cpu":256,"memory":512,"links":[],"portMappings":[{"containerPort":%(port)s,"hostPort":0,"protocol":"tcp"}],"essential":true,"entryPoint":[],"command":[],"environment":[%(environment)s],"mountPoints":[],"volumesFrom":[],"secrets":[{"name":"TOKEN","valueFrom":"arn:aws:secretsmanager:%(region)s:%(account)s:secret:%(secret)s"}],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"%(log_group)s","awslogs-region":"%(region)s","awslogs-stream-prefix":"%(word)s"}}}',
        1, 6,
    ),
    "environment": ('{"name":"%(word)s_%(word#2)s_URL","value":"https://%(word)s-%(few)s.%(stage)s.internal:%(port)s"}', 1, 40),
    "statements": (
        r'{\"Sid\":\"S%(serial)s\",\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:ListBucket\",\"kms:Decrypt\"],\"Resource\":[\"arn:aws:s3:::%(bucket)s/*\",\"arn:aws:kms:%(region)s:%(account)s:key/%(kms_key)s\"],\"Condition\":{\"StringEquals\":{\"aws:SourceVpce\":\"%(vpce)s\"}}}',
        1, 60,
    ),
    "stack_parameters": ('{"parameterKey":"%(word)s%(word#2)s","parameterValue":"%(hex16)s"}', 1, 100),
    "table_keys": ('{"%(word)sId":{"S":"%(uuid)s"}}', 1, 150),
    "inventory": ('{"typeName":"AWS:Application","contentHash":"%(hex32)s","content":[{"Name":"%(word)s-%(word#2)s","Version":"%(few)s.%(percent)s.%(port)s","Publisher":"%(word#3)s"}]}', 300, 620),
    "security_rules": ('{"ipProtocol":"tcp","fromPort":%(port)s,"toPort":%(port)s,"groups":{},"ipRanges":{"items":[{"cidrIp":"10.%(few)s.%(percent)s.0/24","description":"%(word)s to %(word#2)s"}]},"ipv6Ranges":{},"prefixListIds":{}}', 1, 40),
    "layers": ('{"layerDigest":"sha256:%(hex64)s"}', 1, 12),
    "parameter_names": ('"/%(word)s/%(stage)s/%(word#2)s_%(few)s"', 1, 10),
    "entries": ('{"source":"%(word)s.%(stage)s","detailType":"%(word)s-changed","eventBusName":"default"}', 1, 10),
    "changes": ('{"action":"UPSERT","resourceRecordSet":{"name":"%(word)s-%(few)s.%(stage)s.example.net.","type":"A","tTL":60,"resourceRecords":[{"value":"%(private_ip)s"}]}}', 1, 30),
}  # fmt: skip

# ---------------------------------------------------------------- services and events


@dataclass(frozen=True, slots=True)
class Event:
    """An operation of a service, and the JSON texts a record of it carries."""

    name: str
    weight: float  # among the events of its service
    parameters: str = "null"
    response: str = "null"
    additional: str = ""
    resources: str = ""
    details: str = ""  # serviceEventDetails
    is_data: bool = False  # a data event, not a management event
    is_read_only: bool = True


@dataclass(frozen=True, slots=True)
class Service:
    """A service, how often it is called, and the host its clients ask for."""

    name: str
    events: tuple[Event, ...]
    host: str = "%(source)s.%(region)s.amazonaws.com"
    source: str = ""  # the host part of eventSource, where it is not the name
    api_version: str = ""
    only_in_global_region: bool = False
    sends_tls_details: bool = True
    event_type: str = "AwsApiCall"


_read = Event
_write = partial(Event, is_read_only=False)


def _resource(kind: str, arn: str) -> str:
    return f'[{{"accountId":"%(account)s","type":"{kind}","ARN":"{arn}"}}]'


_ARN = "arn:aws:%s:%%(region)s:%%(account)s:%s"
_KEY_ARN = _ARN % ("kms", "key/%(kms_key)s")
_KEY = _resource("AWS::KMS::Key", _KEY_ARN)
_BUCKET = _resource("AWS::S3::Bucket", "arn:aws:s3:::%(bucket)s")
_OBJECT = '[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::%(bucket)s/%(object_prefix)s/%(uuid)s.%(suffix)s"},{"accountId":"%(account)s","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::%(bucket)s"}]'
_TABLE = _resource("AWS::DynamoDB::Table", _ARN % ("dynamodb", "table/%(table)s"))
_FUNCTION_ARN = _ARN % ("lambda", "function:%(function)s")
_FUNCTION = _resource("AWS::Lambda::Function", _FUNCTION_ARN)
_ROLE = _resource("AWS::IAM::Role", "arn:aws:iam::%(account)s:role/%(target_role)s")
_S3_HOST = "%(bucket)s.s3.%(region)s.amazonaws.com"
_S3_MANAGEMENT = '{"SignatureVersion":"SigV4","CipherSuite":"ECDHE-RSA-AES128-GCM-SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"%(amz_id)s","bytesTransferredOut":%(port)s}'
_S3_DATA = '{"SignatureVersion":"SigV4","CipherSuite":"ECDHE-RSA-AES128-GCM-SHA256","bytesTransferredIn":0.0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"%(amz_id)s","bytesTransferredOut":%(bytes)s.0}'
_S3_UPLOAD = '{"SignatureVersion":"SigV4","CipherSuite":"ECDHE-RSA-AES128-GCM-SHA256","bytesTransferredIn":%(bytes)s.0,"SSEApplied":"SSE_S3","AuthenticationMethod":"AuthHeader","x-amz-id-2":"%(amz_id)s","bytesTransferredOut":0.0}'
_S3_KEY = (
    '{"bucketName":"%(bucket)s","Host":"'
    + _S3_HOST
    + '","key":"%(object_prefix)s/%(uuid)s.%(suffix)s"}'
)
_ENCRYPTED_BY = '{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::%(bucket)s/%(object_prefix)s/%(hex8)s"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}'
_ASSUMED = '{"credentials":{"accessKeyId":"ASIA%(key16)s","sessionToken":"%(token)s","expiration":"%(moment)s"},"assumedRoleUser":{"assumedRoleId":"AROA%(key16#2)s:%(word)s-%(serial)s","arn":"arn:aws:sts::%(account)s:assumed-role/%(target_role)s/%(word)s-%(serial)s"}}'
_TO_ASSUME = '{"roleArn":"arn:aws:iam::%(account)s:role/%(target_role)s","roleSessionName":"%(word)s-%(serial)s","durationSeconds":3600}'
_POLICY = r'"{\"Version\":\"2012-10-17\",\"Statement\":[%(statements)s]}"'
_SMALL_POLICY = r'"{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"lambda.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]\n}"'
_QUEUE_URL = "https://sqs.%(region)s.amazonaws.com/%(account)s/%(queue)s"

# In order of frequency, see SERVICE_SKEW.
SERVICES = (
    Service("ec2", (
        _read("DescribeInstances", 30, '{"instancesSet":{"items":[%(instances)s]},"filterSet":{}}'),
        _read("DescribeInstances", 8, '{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"tag:Name","valueSet":{"items":[{"value":"%(word)s-%(stage)s"}]}},{"name":"instance-state-name","valueSet":{"items":[{"value":"running"}]}}]}}'),
        _read("DescribeVolumes", 8, '{"volumeSet":{"items":[{"volumeId":"%(volume)s"}]},"filterSet":{}}'),
        _read("DescribeNetworkInterfaces", 10, '{"networkInterfaceIdSet":{"items":[{"networkInterfaceId":"%(interface)s"}]},"filterSet":{}}'),
        _read("DescribeSecurityGroups", 8, '{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"%(group)s"}]},"filterSet":{}}'),
        _read("DescribeSubnets", 6, '{"subnetSet":{"items":[{"subnetId":"%(subnet)s"}]},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"%(vpc)s"}]}}]}}'),
        _read("DescribeTags", 8, '{"filterSet":{"items":[{"name":"resource-id","valueSet":{"items":[{"value":"%(instance)s"}]}}]},"maxResults":1000}'),
        _read("DescribeRegions", 4, '{"regionSet":{}}'),
        _read("DescribeInstanceStatus", 6, '{"instancesSet":{"items":[{"instanceId":"%(instance)s"}]},"filterSet":{},"includeAllInstances":%(flag)s}'),
        _write("RunInstances", 0.5, '{"instancesSet":{"items":[{"imageId":"%(image)s","minCount":1,"maxCount":1}]},"instanceType":"%(instance_type)s","blockDeviceMapping":{},"monitoring":{"enabled":false},"disableApiTermination":false,"clientToken":"fleet-%(uuid)s","networkInterfaceSet":{"items":[{"deviceIndex":0,"subnetId":"%(subnet)s","groupSet":{"items":[{"groupId":"%(group)s"}]}}]},"iamInstanceProfile":{"name":"%(target_role)s"},"tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"Name","value":"%(word)s-%(stage)s"}]}]}}', '{"requestId":"%(uuid#2)s","reservationId":"r-0%(hex16)s","ownerId":"%(account)s","groupSet":{},"instancesSet":{"items":[%(launched)s]},"requesterId":"%(serial)s"}'),
        _write("TerminateInstances", 0.5, '{"instancesSet":{"items":[{"instanceId":"%(instance)s"}]}}', '{"requestId":"%(uuid#2)s","instancesSet":{"items":[{"instanceId":"%(instance)s","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}'),
        _write("CreateNetworkInterface", 1.5, '{"subnetId":"%(subnet)s","description":"AWS Lambda VPC ENI-%(function)s-%(uuid)s","groupSet":{"items":[{"groupId":"%(group)s"}]},"privateIpAddressesSet":{},"clientToken":"%(uuid#2)s"}', '{"requestId":"%(uuid#3)s","networkInterface":%(interfaces)s}'),
        _write("CreateTags", 1.5, '{"resourcesSet":{"items":[{"resourceId":"%(volume)s"}]},"tagSet":{"items":[{"key":"kubernetes.io/created-for/pvc/name","value":"%(word)s-%(few)s"},{"key":"CSIVolumeName","value":"pvc-%(uuid)s"}]}}', '{"requestId":"%(uuid#2)s","_return":true}'),
        _write("AuthorizeSecurityGroupIngress", 0.3, '{"groupId":"%(group)s","ipPermissions":{"items":[%(security_rules)s]}}', '{"requestId":"%(uuid)s","_return":true}'),
    )),
    Service("kms", (
        _read("Decrypt", 40, _ENCRYPTED_BY, resources=_KEY),
        _read("GenerateDataKey", 22, '{"keyId":"' + _KEY_ARN + '","keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::%(bucket)s"}}', resources=_KEY),
        _read("Decrypt", 12, '{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"PARAMETER_ARN":"' + _ARN % ("ssm", "parameter/%(word)s/%(stage)s/%(word#2)s") + '"}}', resources=_KEY),
        _read("Encrypt", 4, '{"keyId":"' + _KEY_ARN + '","encryptionAlgorithm":"SYMMETRIC_DEFAULT"}', resources=_KEY),
        _read("DescribeKey", 9, '{"keyId":"%(kms_key)s"}', resources=_KEY),
        _read("ListAliases", 11),
        _read("ListKeys", 6),
        _write("CreateGrant", 0.8, '{"keyId":"' + _KEY_ARN + '","granteePrincipal":"%(service)s","retiringPrincipal":"%(service)s","operations":["Decrypt","Encrypt","GenerateDataKeyWithoutPlaintext","ReEncryptFrom","ReEncryptTo"],"constraints":{"encryptionContextSubset":{"aws:ebs:id":"%(volume)s"}}}', '{"grantId":"%(hex64)s","keyId":"' + _KEY_ARN + '"}', '{"grantId":"%(hex64)s"}', _KEY),
    )),
    Service("s3", (
        _read("GetObject", 22, _S3_KEY, "null", _S3_DATA, _OBJECT, is_data=True),
        _write("PutObject", 9, _S3_KEY, '{"x-amz-server-side-encryption":"AES256","x-amz-expiration":"rule-id=\\"%(word)s\\""}', _S3_UPLOAD, _OBJECT, is_data=True),
        _read("HeadObject", 8, _S3_KEY, "null", _S3_DATA, _OBJECT, is_data=True),
        _write("DeleteObject", 2, _S3_KEY, "null", _S3_DATA, _OBJECT, is_data=True),
        _read("GetBucketAcl", 12, '{"bucketName":"%(bucket)s","Host":"' + _S3_HOST + '","acl":""}', "null", _S3_MANAGEMENT, _BUCKET),
        _read("GetBucketLocation", 10, '{"bucketName":"%(bucket)s","Host":"s3.%(region)s.amazonaws.com","location":""}', "null", _S3_MANAGEMENT, _BUCKET),
        _read("GetBucketPolicyStatus", 5, '{"bucketName":"%(bucket)s","Host":"' + _S3_HOST + '","policyStatus":""}', "null", _S3_MANAGEMENT, _BUCKET),
        _read("ListBuckets", 6, '{"Host":"s3.%(region)s.amazonaws.com"}', "null", _S3_MANAGEMENT),
        _read("ListObjects", 8, '{"list-type":"2","bucketName":"%(bucket)s","encoding-type":"url","prefix":"%(object_prefix)s/","Host":"' + _S3_HOST + '"}', "null", _S3_DATA, _BUCKET, is_data=True),
        _write("PutBucketPolicy", 0.4, '{"bucketName":"%(bucket)s","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"%(word)s","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::%(bucket)s/*","Condition":{"NumericLessThan":{"s3:TlsVersion":"1.2"}}}]},"Host":"' + _S3_HOST + '","policy":""}', "null", _S3_MANAGEMENT, _BUCKET),
    ), host=_S3_HOST),
    Service("sts", (
        _read("AssumeRole", 24, _TO_ASSUME, _ASSUMED, resources=_ROLE),
        _read("GetCallerIdentity", 50),
        _read("GetSessionToken", 1, '{"durationSeconds":43200}', '{"credentials":{"accessKeyId":"ASIA%(key16)s","sessionToken":"%(token)s","expiration":"%(moment)s"}}'),
    )),
    Service("dynamodb", (
        _read("DescribeTable", 24, '{"tableName":"%(table)s"}', resources=_TABLE),
        _read("GetItem", 20, '{"tableName":"%(table)s","key":{"%(word)sId":"%(uuid)s"},"consistentRead":%(flag)s}', resources=_TABLE, is_data=True),
        _read("Query", 14, '{"tableName":"%(table)s","indexName":"by-%(word)s","select":"ALL_ATTRIBUTES","keyConditionExpression":"#k = :v"}', resources=_TABLE, is_data=True),
        _read("BatchGetItem", 2.5, '{"requestItems":{"%(table)s":{"keys":[%(table_keys)s]}},"returnConsumedCapacity":"TOTAL"}', resources=_TABLE, is_data=True),
        _write("PutItem", 8, '{"tableName":"%(table)s","key":{"%(word)sId":"%(uuid)s"},"items":["%(word)sId","updatedAt","version"]}', resources=_TABLE, is_data=True),
        _read("DescribeTimeToLive", 6, '{"tableName":"%(table)s"}', resources=_TABLE),
        _read("ListTables", 10),
    ), api_version="2012-08-10"),
    Service("ssm", (
        _read("GetParameter", 20, '{"name":"/%(word)s/%(stage)s/%(word#2)s","withDecryption":%(flag)s}'),
        _read("GetParameters", 10, '{"names":[%(parameter_names)s],"withDecryption":true}'),
        _write("UpdateInstanceInformation", 22, '{"instanceId":"%(instance)s","agentVersion":"3.1.%(port)s.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2","iPAddress":"%(private_ip)s","computerName":"ip-10-%(few)s-%(percent)s-%(percent#2)s.ec2.internal","agentName":"amazon-ssm-agent","availabilityZone":"%(region)sa","availabilityZoneId":"use1-az%(few)s"}'),
        _read("ListInstanceAssociations", 10, '{"instanceId":"%(instance)s","maxResults":20}'),
        _read("DescribeInstanceInformation", 6, '{"maxResults":50,"nextToken":"%(page)s"}'),
        _write("PutInventory", 0.05, '{"instanceId":"%(instance)s","items":[%(inventory)s]}'),
        _write("SendCommand", 1.5, '{"documentName":"AWS-RunShellScript","instanceIds":["%(instance)s"],"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","timeoutSeconds":600,"interactive":false}', '{"command":{"commandId":"%(uuid)s","documentName":"AWS-RunShellScript","documentVersion":"$DEFAULT","comment":"","expiresAfter":"%(moment)s","parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","instanceIds":["%(instance)s"],"targets":[],"status":"Pending","statusDetails":"Pending","maxConcurrency":"50","maxErrors":"0","targetCount":1,"completedCount":0,"errorCount":0}}'),
    )),
    Service("logs", (
        _write("CreateLogStream", 26, '{"logGroupName":"%(log_group)s","logStreamName":"%(folder_day)s/[$LATEST]%(hex32)s"}'),
        _read("DescribeLogStreams", 10, '{"logGroupName":"%(log_group)s","orderBy":"LastEventTime","descending":true,"limit":%(percent)s}'),
        _read("DescribeLogGroups", 12, '{"limit":50,"nextToken":"%(page)s"}'),
        _read("FilterLogEvents", 6, '{"logGroupName":"%(log_group)s","startTime":166%(serial)s,"filterPattern":"?ERROR ?\\"%(word)s failed\\""}'),
        _read("StartQuery", 3, '{"logGroupNames":["%(log_group)s"],"startTime":166%(serial)s,"endTime":166%(serial#2)s,"queryString":"fields @timestamp, @message | filter @message like /%(word)s/ | sort @timestamp desc | limit %(percent)s"}', '{"queryId":"%(uuid)s"}'),
    ), api_version="20140328"),
    Service("secretsmanager", (
        _read("GetSecretValue", 60, '{"secretId":"' + _ARN % ("secretsmanager", "secret:%(secret)s") + '"}'),
        _read("DescribeSecret", 22, '{"secretId":"%(secret)s"}'),
        _read("ListSecrets", 8, '{"maxResults":100}'),
        _write("PutSecretValue", 1, '{"secretId":"%(secret)s","clientRequestToken":"%(uuid)s"}', '{"arn":"' + _ARN % ("secretsmanager", "secret:%(secret)s") + '"}'),
    )),
    Service("iam", (
        _read("GetRole", 22, '{"roleName":"%(target_role)s"}'),
        _read("ListAttachedRolePolicies", 14, '{"roleName":"%(target_role)s"}'),
        _read("GetRolePolicy", 10, '{"roleName":"%(target_role)s","policyName":"%(word)s-%(word#2)s"}'),
        _read("ListRoles", 6, '{"maxItems":1000,"marker":"%(page)s\\u003d"}'),
        _read("ListUsers", 10),
        _read("GetUser", 6),
        _read("GetAccountSummary", 4),
        _write("PutRolePolicy", 1.5, '{"roleName":"%(target_role)s","policyName":"%(word)s-%(word#2)s","policyDocument":' + _POLICY + "}"),
        _write("CreateRole", 0.8, '{"roleName":"%(target_role)s","assumeRolePolicyDocument":' + _SMALL_POLICY + "}", '{"role":{"assumeRolePolicyDocument":"%%7B%%22Version%%22%%3A%%222012-10-17%%22%%7D","arn":"arn:aws:iam::%(account)s:role/%(target_role)s","roleId":"AROA%(key16)s","createDate":"%(moment)s","roleName":"%(target_role)s","path":"/"}}'),
    ), host="iam.amazonaws.com", only_in_global_region=True),
    Service("monitoring", (
        _read("DescribeAlarms", 22, '{"maxRecords":100,"alarmNamePrefix":"%(word)s-%(stage)s"}'),
        _read("GetMetricData", 9, '{"startTime":"%(moment)s","endTime":"%(moment)s","metricDataQueries":[%(metric_queries)s],"scanBy":"TimestampDescending"}', is_data=True),
        _write("PutMetricAlarm", 2, '{"alarmName":"TargetTracking-table/%(table)s-AlarmHigh-%(uuid)s","metricName":"%(metric)s","namespace":"AWS/DynamoDB","statistic":"Sum","period":60,"evaluationPeriods":2,"threshold":%(percent)s.0,"comparisonOperator":"GreaterThanThreshold","alarmActions":["' + _ARN % ("autoscaling", "scalingPolicy:%(uuid#2)s") + '"]}'),
        _read("ListMetrics", 8, '{"namespace":"AWS/RDS","nextToken":"%(page)s"}'),
        _read("DescribeAnomalyDetectors", 3),
    ), api_version="2010-08-01"),
    Service("lambda", (
        _write("Invoke", 16, '{"functionName":"' + _FUNCTION_ARN + '","invocationType":"RequestResponse","logType":"None"}', "null", '{"customerEniId":"%(interface)s"}', _FUNCTION, is_data=True),
        _read("GetFunction20150331v2", 14, '{"functionName":"%(function)s"}'),
        _read("ListFunctions20150331", 12),
        _read("ListTags20170331", 10, '{"resource":"' + _FUNCTION_ARN.replace(":", "%%3A") + '"}'),
        _write("UpdateFunctionCode20150331v2", 1.5, '{"functionName":"%(function)s","s3Bucket":"%(bucket)s","s3Key":"%(hex32)s","publish":false,"dryRun":false}', '{"functionName":"%(function)s","functionArn":"' + _FUNCTION_ARN + '","runtime":"python3.9","role":"arn:aws:iam::%(account)s:role/%(target_role)s","handler":"main.handler","codeSize":%(bytes)s,"description":"","timeout":30,"memorySize":512,"codeSha256":"%(short_amz_id)s","version":"$LATEST","vpcConfig":{"subnetIds":["%(subnet)s"],"securityGroupIds":["%(group)s"],"vpcId":"%(vpc)s"},"tracingConfig":{"mode":"PassThrough"},"revisionId":"%(uuid)s","state":"Active","lastUpdateStatus":"InProgress","packageType":"Zip","architectures":["x86_64"],"environment":{}}'),
    )),
    Service("ecr", (
        _read("GetAuthorizationToken", 26),
        _read("BatchGetImage", 20, '{"registryId":"%(account)s","repositoryName":"%(repository)s","imageIds":[{"imageDigest":"sha256:%(hex64)s"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json"]}', resources=_resource("AWS::ECR::Repository", _ARN % ("ecr", "repository/%(repository)s"))),
        _read("GetDownloadUrlForLayer", 24, '{"registryId":"%(account)s","repositoryName":"%(repository)s","layerDigest":"sha256:%(hex64)s"}', resources=_resource("AWS::ECR::Repository", _ARN % ("ecr", "repository/%(repository)s"))),
        _read("BatchCheckLayerAvailability", 4, '{"registryId":"%(account)s","repositoryName":"%(repository)s","layerDigests":[%(layers)s]}'),
    ), host="api.ecr.%(region)s.amazonaws.com"),
    Service("sqs", (
        _read("GetQueueAttributes", 30, '{"queueUrl":"' + _QUEUE_URL + '","attributeNames":["ApproximateNumberOfMessages","QueueArn"]}'),
        _read("GetQueueUrl", 16, '{"queueName":"%(queue)s"}'),
        _read("ListQueues", 6, '{"queueNamePrefix":"%(word)s"}'),
        _write("SendMessage", 10, '{"queueUrl":"' + _QUEUE_URL + '","messageBody":"HIDDEN_DUE_TO_SECURITY_REASONS"}', '{"mD5OfMessageBody":"%(hex32)s","messageId":"%(uuid)s"}', resources=_resource("AWS::SQS::Queue", _ARN % ("sqs", "%(queue)s")), is_data=True),
    )),
    Service("ecs", (
        _read("DescribeTasks", 24, '{"cluster":"%(cluster)s","tasks":["' + _ARN % ("ecs", "task/%(cluster)s/%(hex32)s") + '"]}'),
        _read("DescribeServices", 20, '{"cluster":"%(cluster)s","services":["%(word)s-%(stage)s"]}'),
        _read("ListTasks", 10, '{"cluster":"%(cluster)s","family":"%(task_family)s"}'),
        _write("RegisterTaskDefinition", 1.2, '{"family":"%(task_family)s","networkMode":"awsvpc","containerDefinitions":[%(containers)s]}', '{"taskDefinition":{"taskDefinitionArn":"' + _ARN % ("ecs", "task-definition/%(task_family)s:%(port)s") + '","containerDefinitions":[%(containers)s],"family":"%(task_family)s","revision":%(port)s,"volumes":[],"status":"ACTIVE","registeredAt":"%(moment)s"}}'),
        _write("RunTask", 1.5, '{"cluster":"%(cluster)s","taskDefinition":"%(task_family)s:%(port)s","launchType":"FARGATE","count":1}', '{"tasks":[{"taskArn":"' + _ARN % ("ecs", "task/%(cluster)s/%(hex32)s") + '","clusterArn":"' + _ARN % ("ecs", "cluster/%(cluster)s") + '","taskDefinitionArn":"' + _ARN % ("ecs", "task-definition/%(task_family)s:%(port)s") + '","lastStatus":"PROVISIONING","desiredStatus":"RUNNING","cpu":"256","memory":"512","containers":[{"containerArn":"' + _ARN % ("ecs", "container/%(cluster)s/%(hex32)s/%(uuid)s") + '","name":"%(word)s","lastStatus":"PENDING","networkInterfaces":[]}],"version":1,"connectivity":"CONNECTING","launchType":"FARGATE"}],"failures":[]}'),
    )),
    Service("rds", (
        _read("DescribeDBInstances", 30, '{"dBInstanceIdentifier":"%(database)s"}'),
        _read("DescribeDBClusters", 22),
        _read("ListTagsForResource", 14, '{"resourceName":"' + _ARN % ("rds", "db:%(database)s") + '"}'),
        _read("DownloadDBLogFilePortion", 6, '{"dBInstanceIdentifier":"%(database)s","logFileName":"error/postgresql.log.%(day)s-0%(few)s","marker":"%(few)s:%(serial)s"}'),
        _write("CreateDBSnapshot", 0.6, '{"dBInstanceIdentifier":"%(database)s","dBSnapshotIdentifier":"%(database)s-%(hex8)s"}', '{"dBSnapshotIdentifier":"%(database)s-%(hex8)s","dBInstanceIdentifier":"%(database)s","engine":"postgres","allocatedStorage":%(percent)s,"status":"creating","port":5432,"availabilityZone":"%(region)sb","vpcId":"%(vpc)s","masterUsername":"postgres","engineVersion":"13.7","licenseModel":"postgresql-license","snapshotType":"manual","storageType":"gp2","encrypted":true,"kmsKeyId":"' + _KEY_ARN + '","dBSnapshotArn":"' + _ARN % ("rds", "snapshot:%(database)s-%(hex8)s") + '"}'),
    ), api_version="2014-10-31"),
    Service("elasticloadbalancing", (
        _read("DescribeTargetHealth", 30, '{"targetGroupArn":"' + _ARN % ("elasticloadbalancing", "targetgroup/%(word)s-%(stage)s/%(hex16)s") + '"}'),
        _read("DescribeLoadBalancers", 18, '{"loadBalancerArns":["' + _ARN % ("elasticloadbalancing", "loadbalancer/%(balancer)s") + '"]}'),
        _read("DescribeListeners", 8, '{"loadBalancerArn":"' + _ARN % ("elasticloadbalancing", "loadbalancer/%(balancer)s") + '"}'),
        _write("RegisterTargets", 2, '{"targetGroupArn":"' + _ARN % ("elasticloadbalancing", "targetgroup/%(word)s-%(stage)s/%(hex16)s") + '","targets":[{"id":"%(private_ip)s","port":%(port)s}]}'),
    ), api_version="2015-12-01"),
    Service("autoscaling", (
        _read("DescribeAutoScalingGroups", 30, '{"maxRecords":100,"autoScalingGroupNames":["%(word)s-%(stage)s-asg"]}'),
        _read("DescribeAutoScalingInstances", 16, '{"instanceIds":["%(instance)s"],"maxRecords":50}'),
        _read("DescribeLifecycleHooks", 5, '{"autoScalingGroupName":"%(word)s-%(stage)s-asg"}'),
        _write("UpdateAutoScalingGroup", 1, '{"autoScalingGroupName":"%(word)s-%(stage)s-asg","desiredCapacity":%(few)s}'),
    )),
    Service("cloudformation", (
        _read("DescribeStacks", 26, '{"stackName":"' + _ARN % ("cloudformation", "stack/%(stack)s") + '"}'),
        _read("DescribeStackEvents", 14, '{"stackName":"' + _ARN % ("cloudformation", "stack/%(stack)s") + '"}'),
        _read("ListStacks", 6),
        _write("CreateChangeSet", 1.5, '{"stackName":"%(word)s-%(stage)s","changeSetName":"deploy-%(serial)s","changeSetType":"UPDATE","capabilities":["CAPABILITY_IAM"],"parameters":[%(stack_parameters)s],"tags":[]}', '{"id":"' + _ARN % ("cloudformation", "changeSet/deploy-%(serial)s/%(uuid)s") + '","stackId":"' + _ARN % ("cloudformation", "stack/%(stack)s") + '"}'),
    ), api_version="2010-05-15"),
    Service("sns", (
        _read("ListTopics", 10),
        _read("GetTopicAttributes", 16, '{"topicArn":"' + _ARN % ("sns", "%(queue)s") + '"}'),
        _write("Publish", 6, '{"topicArn":"' + _ARN % ("sns", "%(queue)s") + '","message":"HIDDEN_DUE_TO_SECURITY_REASONS"}', '{"messageId":"%(uuid)s"}', is_data=True),
    )),
    Service("events", (
        _write("PutEvents", 8, '{"entries":[%(entries)s]}', '{"failedEntryCount":0,"entries":[{"eventId":"%(uuid)s"}]}'),
        _read("ListRules", 8),
        _read("DescribeRule", 10, '{"name":"%(word)s-%(stage)s-every-%(few)s-minutes"}'),
    )),
    Service("route53", (
        _read("ListResourceRecordSets", 16, '{"hostedZoneId":"%(zone)s","maxItems":"100"}'),
        _read("ListHostedZones", 8),
        _write("ChangeResourceRecordSets", 3, '{"hostedZoneId":"%(zone)s","changeBatch":{"comment":"%(word)s","changes":[%(changes)s]}}', '{"changeInfo":{"id":"/change/C0%(key16)s","status":"PENDING","submittedAt":"%(moment)s"}}', '{"Note":"Do not use to reconstruct hosted zone"}'),
    ), host="route53.amazonaws.com", api_version="2013-04-01", only_in_global_region=True),
    Service("cloudtrail", (
        _read("LookupEvents", 8, '{"maxResults":50,"lookupAttributes":[{"attributeKey":"EventName","attributeValue":"%(word)s"}],"nextToken":"%(page)s"}'),
        _read("DescribeTrails", 10, '{"trailNameList":[],"includeShadowTrails":true}'),
        _read("GetTrailStatus", 8, '{"name":"' + _ARN % ("cloudtrail", "trail/organization") + '"}'),
    )),
    Service("config", (
        _read("DescribeConfigRules", 8, '{"configRuleNames":["%(word)s-%(word#2)s"]}'),
        _write("PutEvaluations", 8, '{"evaluations":[{"complianceResourceType":"AWS::EC2::Volume","complianceResourceId":"%(volume)s","complianceType":"COMPLIANT","orderingTimestamp":"%(moment)s"}],"resultToken":"%(long_token)s","testMode":false}', '{"failedEvaluations":[]}'),
        _read("DescribeConfigurationRecorderStatus", 8),
    )),
    Service("tagging", (
        _read("GetResources", 20, '{"resourcesPerPage":100,"resourceTypeFilters":["ec2:instance"],"paginationToken":"%(page)s"}'),
    )),
    Service("kinesis", (
        _read("DescribeStreamSummary", 16, '{"streamName":"%(queue)s"}'),
        _read("ListShards", 12, '{"streamName":"%(queue)s","maxResults":1000}'),
    )),
    Service("athena", (
        _read("GetQueryExecution", 24, '{"queryExecutionId":"%(uuid)s"}'),
        _write("StartQueryExecution", 6, '{"queryString":"HIDDEN_DUE_TO_SECURITY_REASONS","clientRequestToken":"%(uuid)s","queryExecutionContext":{"database":"%(word)s"},"resultConfiguration":{"outputLocation":"s3://%(bucket)s/results/"},"workGroup":"primary"}', '{"queryExecutionId":"%(uuid#2)s"}'),
    )),
    Service("glue", (
        _read("GetTable", 20, '{"databaseName":"%(word)s","name":"%(table)s","catalogId":"%(account)s"}'),
        _read("GetPartitions", 14, '{"databaseName":"%(word)s","tableName":"%(table)s","expression":"dt \\u003e\\u003d \'%(day)s\'"}'),
    )),
    Service("eks", (
        _read("DescribeCluster", 20, '{"name":"%(cluster)s"}'),
        _read("ListNodegroups", 8, '{"name":"%(cluster)s"}'),
    )),
    Service("organizations", (
        _read("DescribeOrganization", 14),
        _read("ListAccounts", 8),
        _read("DescribeAccount", 10, '{"accountId":"%(account)s"}'),
    ), host="organizations.us-east-1.amazonaws.com", only_in_global_region=True),
    Service("health", (
        _read("DescribeEventAggregates", 10, '{"filter":{"startTimes":[{"from":"%(moment)s"}],"eventStatusCodes":["open","upcoming"]},"aggregateField":"eventTypeCategory"}'),
    ), sends_tls_details=False),
    Service("resource-explorer-2", (
        _read("ListIndexes", 10),
    ), sends_tls_details=False),
)  # fmt: skip

# Services that only the callers naming them call.
SPECIAL_SERVICES = (
    Service("sts by web identity", (
        _read("AssumeRoleWithWebIdentity", 1, _TO_ASSUME, _ASSUMED[:-1] + ',"subjectFromWebIdentityToken":"system:serviceaccount:%(stage)s:%(word)s","audience":"sts.amazonaws.com","provider":"' + "arn:aws:iam::%(account)s:oidc-provider/oidc.eks.%(region)s.amazonaws.com/id/%(oidc)s" + '"}', resources=_ROLE),
    ), source="sts", host="sts.%(region)s.amazonaws.com"),
    Service("sts by SAML", (
        _read("AssumeRoleWithSAML", 1, '{"sAMLAssertionID":"_%(uuid)s","roleSessionName":"%(person)s","roleArn":"arn:aws:iam::%(account)s:role/%(target_role)s","principalArn":"arn:aws:iam::%(account)s:saml-provider/corporate"}', _ASSUMED[:-1] + ',"subject":"%(person)s","subjectType":"persistent","issuer":"https://login.example.net/saml","audience":"https://signin.aws.amazon.com/saml","nameQualifier":"%(short_amz_id)s"}', resources=_ROLE),
    ), source="sts", host="signin.aws.amazon.com"),
    Service("sts by services", (
        _read("AssumeRole", 9, _TO_ASSUME.replace("role/%(target_role)s", "role/aws-service-role/%(service)s/%(target_role)s"), _ASSUMED, resources=_ROLE),
        _read("AssumeRole", 6, _TO_ASSUME, _ASSUMED, resources=_ROLE),
    ), source="sts"),
    Service("s3 by services", (
        _read("GetBucketAcl", 6, '{"bucketName":"%(bucket)s","Host":"' + _S3_HOST + '","acl":""}', "null", _S3_MANAGEMENT, _BUCKET),
        _write("PutObject", 4, _S3_KEY, '{"x-amz-server-side-encryption":"AES256"}', _S3_UPLOAD, _OBJECT, is_data=True),
    ), source="s3"),
    Service("sign-in", (
        _write("ConsoleLogin", 8, "null", '{"ConsoleLogin":"Success"}', '{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%%23&isauthcode=true&state=hashArgsFromTB_%(region)s_%(hex16)s","MobileVersion":"No","MFAIdentifier":"arn:aws:iam::%(account)s:mfa/%(person)s","MFAUsed":"Yes"}'),
        _write("ConsoleLogin", 1, "null", '{"ConsoleLogin":"Failure"}', '{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"}'),
        _write("CheckMfa", 2, "null", '{"CheckMfa":"Success"}', '{"MfaType":"Virtual MFA"}'),
        _write("SwitchRole", 1, "null", '{"SwitchRole":"Success"}', '{"SwitchFrom":"arn:aws:iam::%(account)s:user/%(person)s","RedirectTo":"https://console.aws.amazon.com/ec2/home"}'),
    ), source="signin", host="%(region)s.signin.aws.amazon.com", event_type="AwsConsoleSignIn"),
    Service("identity center", (
        _read("ListAccountRoles", 6, '{"maxResults":100,"accountId":"%(account)s"}'),
        _read("GetRoleCredentials", 8, '{"roleName":"%(target_role)s","accountId":"%(account)s"}'),
    ), source="sso", host="portal.sso.%(region)s.amazonaws.com"),
    Service("kms by itself", (
        _write("RotateKey", 3, details='{"keyId":"%(kms_key)s"}', resources=_KEY),
    ), source="kms", event_type="AwsServiceEvent"),
    Service("ec2 by itself", (
        _write("SharedSnapshotVolumeCreated", 4, details='{"snapshotId":"snap-0%(hex16)s"}'),
        _write("BidEvictedEvent", 3, details='{"instanceIdSet":["%(instance)s"]}'),
    ), source="ec2", event_type="AwsServiceEvent"),
    Service("secretsmanager by itself", (
        _write("RotationSucceeded", 3, additional='{"SecretId":"' + _ARN % ("secretsmanager", "secret:%(secret)s") + '"}', details='{"versionId":"%(uuid)s"}'),
    ), source="secretsmanager", event_type="AwsServiceEvent"),
    Service("console", (
        _write("GetSigninToken", 3, "null", '{"GetSigninToken":"Success"}', '{"MobileVersion":"No","MFAUsed":"No"}'),
    ), source="signin", event_type="AwsConsoleAction"),
)  # fmt: skip

# ---------------------------------------------------------------- failures

# (errorCode, errorMessage) by service; "" for every other.
ERRORS = {
    "": (
        ("AccessDenied", "User: %(arn)s is not authorized to perform: %(action)s on resource: * because no identity-based policy allows the %(action)s action"),
        ("ThrottlingException", "Rate exceeded"),
        ("ResourceNotFoundException", "Requested resource not found: %(word)s-%(hex8)s"),
        ("ValidationException", "1 validation error detected: Value \\u0027%(word)s\\u0027 at \\u0027%(word#2)s\\u0027 failed to satisfy constraint"),
        ("AccessDeniedException", "User: %(arn)s is not authorized to perform: %(action)s with an explicit deny in a service control policy"),
    ),
    "ec2": (
        ("Client.UnauthorizedOperation", "You are not authorized to perform this operation. Encoded authorization failure message: %(token)s"),
        ("Client.InvalidInstanceID.NotFound", "The instance ID \\u0027%(instance)s\\u0027 does not exist"),
        ("Client.RequestLimitExceeded", "Request limit exceeded."),
        ("Server.InsufficientInstanceCapacity", "We currently do not have sufficient %(instance_type)s capacity in the Availability Zone you requested (%(region)sa)."),
        ("Client.DryRunOperation", "Request would have succeeded, but DryRun flag is set."),
    ),
    "s3": (
        ("AccessDenied", "Access Denied"),
        ("NoSuchKey", "The specified key does not exist."),
        ("NoSuchBucketPolicy", "The bucket policy does not exist"),
        ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    ),
    "iam": (("NoSuchEntityException", "The role with name %(target_role)s cannot be found."),),
}  # fmt: skip
LATE_ADDENDUM = '"addendum":{"reason":"DELIVERY_DELAY"}'
# Fields that no documentation knows (yet), as the next version of the format may bring.
UNKNOWN_FIELD = '"requestOrigin":{"kind":"edge","hops":%(few)s,"via":["%(private_ip)s"]}'
UNKNOWN_IDENTITY_FIELD = '"assuranceLevel":"AAL%(few)s"'

# ---------------------------------------------------------------- user agents

_LAMBDA_AGENTS = (
    "Boto3/1.26.90 Python/3.9.16 Linux/4.14.255-296-236.539.amzn2.x86_64 exec-env/AWS_Lambda_python3.9 Botocore/1.29.90",
    "Boto3/1.42.97 md/Botocore#1.42.97 ua/2.1 os/linux#5.10.247-246.989.amzn2.x86_64 md/arch#x86_64 lang/python#3.12.12 md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 m/Z,b,D,C cfg/retry-mode#legacy Botocore/1.42.97",
    "aws-sdk-nodejs/2.1083.0 linux/v14.20.0 exec-env/AWS_Lambda_nodejs14.x callback",
    "aws-sdk-nodejs/2.1354.0 linux/v16.19.1 exec-env/AWS_Lambda_nodejs16.x promise",
    "aws-sdk-js/3.188.0 os/linux/4.14.255-291-231.527.amzn2.x86_64 lang/js md/nodejs/16.18.0 api/dynamodb/3.188.0 exec-env/AWS_Lambda_nodejs16.x",
    "aws-sdk-js/3.624.0 ua/2.0 os/linux#5.10.219-229.866.amzn2.x86_64 lang/js md/nodejs#20.15.1 api/s3#3.624.0 exec-env/AWS_Lambda_nodejs20.x",
    "aws-sdk-java/2.17.102 Linux/4.14.255-291-231.527.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/11.0.16+8-LTS Java/11.0.16 vendor/Amazon.com_Inc. exec-env/AWS_Lambda_java11 io/sync http/UrlConnection cfg/retry-mode/legacy",
    "aws-sdk-go/1.44.114 (go1.19.2; linux; amd64) exec-env/AWS_Lambda_go1.x",
)
_SERVER_AGENTS = (
    "Boto3/1.20.24 Python/3.8.10 Linux/5.15.0-1022-aws Botocore/1.23.24",
    "Boto3/1.26.7 Python/3.10.8 Linux/5.10.147-133.644.amzn2.x86_64 Botocore/1.29.7",
    "Boto3/1.24.96 Python/3.7.10 Linux/5.10.144-127.601.amzn2.x86_64 exec-env/AWS_ECS_FARGATE Botocore/1.27.96 Resource",
    "Boto3/1.34.122 md/Botocore#1.34.122 ua/2.0 os/linux#6.1.91-99.172.amzn2023.x86_64 md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.34.122",
    "Boto3/1.35.99 md/Botocore#1.35.99 ua/2.0 os/linux#6.8.0-1021-aws md/arch#aarch64 lang/python#3.12.3 md/pyimpl#CPython cfg/retry-mode#adaptive Botocore/1.35.99 Resource",
    "Botocore/1.27.59 Python/3.9.13 Linux/5.4.0-1088-aws",
    "aws-sdk-java/1.12.332 Linux/5.10.144-127.601.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.5+8-LTS java/17.0.5 vendor/Amazon.com_Inc. cfg/retry-mode/legacy",
    "aws-sdk-java/1.11.1034 Linux/4.14.294-220.533.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/25.352-b08 java/1.8.0_352 scala/2.12.15 vendor/Red_Hat,_Inc.",
    "aws-sdk-java/1.12.262 Linux/5.4.0-1085-aws OpenJDK_64-Bit_Server_VM/11.0.16+8-post-Ubuntu-0ubuntu118.04 java/11.0.16 groovy/2.5.18 vendor/Ubuntu cfg/retry-mode/legacy",
    "aws-sdk-java/2.17.290 Linux/5.10.147-133.644.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.4.1+9-LTS Java/17.0.4.1 vendor/Eclipse_Adoptium io/async http/NettyNio cfg/retry-mode/legacy",
    "aws-sdk-java/2.18.16 Linux/5.15.0-52-generic OpenJDK_64-Bit_Server_VM/11.0.17+8 Java/11.0.17 kotlin/1.7.20-release-201(1.7.20) vendor/Eclipse_Adoptium io/sync http/Apache cfg/retry-mode/standard",
    "aws-sdk-java/2.29.6 ua/2.1 os/Linux#6.1.112-122.189.amzn2023.x86_64 lang/java#21.0.5 md/OpenJDK_64-Bit_Server_VM#21.0.5+11-LTS md/vendor#Amazon.com_Inc. md/en_US cfg/auth-source#prov m/D,N",
    "aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)",
    "aws-sdk-go/1.44.122 (go1.19.2; linux; arm64) amazon-ecs-agent/",
    "aws-sdk-go/1.41.4 (go1.18.3; linux; amd64) amazon-ssm-agent/",
    "aws-sdk-go/1.44.100 (go1.18.7; linux; amd64) karpenter.sh-v0.18.1",
    "aws-sdk-go/1.43.29 (go1.17.13; linux; amd64) elbv2.k8s.aws/v2.4.4",
    "aws-sdk-go-v2/1.17.1 os/linux lang/go/1.19.3 md/GOOS/linux md/GOARCH/amd64 api/s3/1.29.2",
    "aws-sdk-go-v2/1.16.16 os/linux lang/go/1.18.6 md/GOOS/linux md/GOARCH/arm64 api/ec2/1.63.1 ft/paginator",
    "aws-sdk-go-v2/1.32.5 ua/2.1 os/linux lang/go#1.23.3 md/GOOS#linux md/GOARCH#amd64 api/sts#1.33.1 m/E,g",
    "aws-sdk-rust/0.51.0 os/linux lang/rust/1.65.0",
    "aws-sdk-rust/1.3.14 ua/2.1 api/dynamodb#1.88.0 os/linux lang/rust#1.90.0 m/E",
    "aws-sdk-cpp/1.9.379 Linux/5.10.144-127.601.amzn2.x86_64 x86_64 GCC/7.3.1",
    "aws-sdk-ruby3/3.168.1 ruby/2.7.6 x86_64-linux aws-sdk-s3/1.117.1",
    "aws-sdk-ruby3/3.130.2 ruby/3.1.2 x86_64-linux-musl aws-sdk-sqs/1.51.1 shoryuken/5.3.2",
    "aws-sdk-php/3.240.3 OS/Linux/5.4.0-1088-aws lang/php/8.1.12 GuzzleHttp/7",
    "aws-sdk-nodejs/2.1248.0 linux/v16.18.0 promise",
    "aws-sdk-js/3.204.0 os/linux/5.10.147-133.644.amzn2.x86_64 lang/js md/nodejs/18.12.0 api/sqs/3.204.0",
    "aws-sdk-dotnet-coreclr/3.7.101.12 aws-sdk-dotnet-core/3.7.103.6 .NET_Core/6.0.11 OS/Linux_5.10.147-133.644.amzn2.x86_64_#1_SMP ClientAsync",
    "aws-sdk-dotnet-45/3.7.300.16 md/aws-sdk-dotnet-core#3.7.300.16 ua/2.0 os/windows#10.0.17763.0 lang/.NET_Runtime#4.0 md/.NET_Framework#4.8.09037",
    "Vector/0.25.1 (x86_64-unknown-linux-gnu 9584e0f 2022-11-08)",
    "Hadoop 3.3.1, aws-sdk-java/1.12.276 Linux/5.10.144-127.601.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/25.342-b07 java/1.8.0_342 scala/2.12.15 vendor/Amazon.com_Inc. cfg/retry-mode/legacy",
    "AWSSDKGo/Datadog Agent 7.40.1 aws-sdk-go-v2/1.16.4 os/linux lang/go/1.18.7",
)
_AUTOMATION_AGENTS = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.3.4 (+https://www.terraform.io) terraform-provider-aws/4.38.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go/1.44.128 (go1.18.7; linux; amd64)",
    "APN/1.0 HashiCorp/1.0 Terraform/1.1.9 (+https://www.terraform.io) terraform-provider-aws/3.76.1 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go/1.44.157 (go1.19.3; linux; amd64) HashiCorp-terraform-exec/0.17.3",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.74.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.32.3 ua/2.1 os/linux lang/go#1.23.2 md/GOOS#linux md/GOARCH#amd64 api/iam#1.37.3 m/C,g",
    "APN/1.0 Pulumi/1.0 Pulumi-AWS-Classic/5.20.0 aws-sdk-go/1.44.118 (go1.18.8; linux; amd64)",
    "APN/1.0 Ansible/2.13.6 Boto3/1.24.28 Python/3.9.14 Linux/5.4.0-1088-aws Botocore/1.27.96",
    "aws-cli/1.18.147 Python/2.7.18 Linux/4.14.294-220.533.amzn2.x86_64 botocore/1.18.6",
    "aws-cli/1.27.7 Python/3.8.10 Linux/5.15.0-1022-aws botocore/1.29.7",
    "aws-cli/2.8.12 Python/3.9.11 Linux/5.15.0-1022-azure exe/x86_64.ubuntu.20 prompt/off command/s3.sync",
    "aws-cli/2.7.31 Python/3.9.11 Darwin/21.6.0 exe/x86_64 prompt/off command/ec2.describe-instances",
    "aws-cli/2.9.0 Python/3.9.11 Windows/10 exe/AMD64 prompt/off command/sts.get-caller-identity",
    "aws-cli/2.8.5 Python/3.9.11 Linux/4.14.294-220.533.amzn2.x86_64 exec-env/CloudShell exe/x86_64.amzn.2 prompt/off command/iam.list-roles",
    "aws-cli/2.32.3 md/awscrt#0.28.4 ua/2.1 os/linux#6.8.0-1021-aws md/arch#x86_64 lang/python#3.13.9 md/pyimpl#CPython m/Z,b,E cfg/retry-mode#standard md/installer#exe md/distrib#ubuntu.24 md/prompt#off md/command#ecr.get-login-password",
    "aws-cdk/2.50.0 aws-sdk-nodejs/2.1251.0 linux/v18.12.1 promise",
    "AWSPowerShell/4.1.209.0 .NET_Runtime/4.0 .NET_Framework/4.0 OS/Microsoft_Windows_NT_10.0.17763.0 WindowsPowerShell/5.1 ClientSync",
    "S3Manager, aws-sdk-go/1.44.131 (go1.19.2; linux; amd64) S3Manager",
)
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:107.0) Gecko/20100101 Firefox/107.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.0.0 Safari/537.36 Edg/107.0.1418.42",
)
_CONSOLE_AGENTS = (
    "AWS Internal",
    "AWS Internal",
    "S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.336 Linux/5.10.147-133.644.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.352-b08 java/1.8.0_352 vendor/Oracle_Corporation cfg/retry-mode/standard",
    "console.amazonaws.com",
    "RDS Console, aws-internal/3",
    "aws-internal/3 aws-sdk-java/1.12.331 Linux/5.4.214-134.408.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.345-b01 java/1.8.0_345 vendor/Oracle_Corporation cfg/retry-mode/standard",
)
_TLS10_AGENTS = (
    "aws-sdk-java/1.8.9.1 Linux/2.6.32-754.el6.x86_64 Java_HotSpot(TM)_64-Bit_Server_VM/24.80-b11/1.7.0_80",
    "aws-sdk-java/1.11.86 Windows_Server_2008_R2/6.1 Java_HotSpot(TM)_64-Bit_Server_VM/24.51-b03/1.7.0_51",
    "aws-sdk-dotnet-35/3.3.107.35 aws-sdk-dotnet-core/3.3.107.35 .NET_Runtime/2.0 .NET_Framework/3.5 OS/Microsoft_Windows_NT_6.1.7601_Service_Pack_1 ClientSync",
    "Boto/2.38.0 Python/2.6.6 Linux/2.6.32-573.el6.x86_64",
    "aws-cli/1.3.23 Python/2.7.6 Linux/2.6.18-164.el5",
)
_TLS11_AGENTS = (
    "aws-sdk-java/1.9.16 Linux/3.2.0-4-amd64 Java_HotSpot(TM)_64-Bit_Server_VM/20.45-b01/1.6.0_121",
    "aws-sdk-dotnet-45/3.3.5.15 aws-sdk-dotnet-core/3.3.21.19 .NET_Runtime/4.0 .NET_Framework/4.0 OS/Microsoft_Windows_NT_6.2.9200.0 ClientSync",
    "aws-sdk-ruby2/2.2.18 jruby/1.9.3 java aws-sdk-s3",
)
_INVOKER_AGENT = ("%(invoker)s",)
_SERVICE_AGENT = ("%(service)s",)

# ---------------------------------------------------------------- callers


@dataclass(frozen=True, slots=True)
class Cohort:
    """Callers of one kind: who they are, from where and with what they call which services."""

    weight: float  # among all cohorts
    members: int  # callers of this kind in an account
    fleet: int  # sessions a caller has at one time
    identity: str
    user_agents: tuple[str, ...]
    arn: str = ""
    session: str = ""
    address: str = "%(public_ip)s"
    tls: str = ""  # one of TLS_MIXES; none: its records have no tlsDetails
    services: tuple[str, ...] = ()  # none: any of SERVICES
    breadth: int = 5  # how many of SERVICES a caller uses
    in_vpc: bool = False  # calls through a VPC endpoint
    tail: str = ""  # members after tlsDetails
    shared: float = 0.0  # how often another account has the event, too
    fails: bool = True  # at the usual rate


# What a caller keeps in all Regions: name -> text.
CALLER_CONSTANTS = {
    "role": "%(word)s-%(stage)s",
    "role_id": "AROA%(key16)s",
    "function_name": "%(word)s-%(stage)s-%(word#2)s",
    "user": "svc-%(word)s-%(stage)s",
    "user_id": "AIDA%(key16#2)s",
    "user_key": "AKIA%(key16#3)s",
    "public_ip": "%(public_ip)s",
    "store": "9067%(hex8)s",
}

_ROLE_ARN = "arn:aws:sts::%(account)s:assumed-role/%(role)s/%(session)s"
_USER_ARN = "arn:aws:iam::%(account)s:user/%(user)s"
_FROM_CONSOLE = '"sessionCredentialFromConsole":"true"'


def _role(more: str = "", mfa: str = "false", of_session: str = "") -> str:
    """Return the userIdentity of an assumed role."""
    return (
        '{"type":"AssumedRole","principalId":"%(role_id)s:%(session)s","arn":"%(arn)s","accountId":"%(account)s","accessKeyId":"ASIA%(key16)s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"%(role_id)s","arn":"arn:aws:iam::%(account)s:role/%(role)s","accountId":"%(account)s","userName":"%(role)s"},"webIdFederationData":{},"attributes":{"creationDate":"%(created)s","mfaAuthenticated":"'
        + mfa + '"}' + of_session + "}" + more + "}"
    )  # fmt: skip


_USER = '{"type":"IAMUser","principalId":"%(user_id)s","arn":"%(arn)s","accountId":"%(account)s","accessKeyId":"%(user_key)s","userName":"%(user)s"}'
_CONSOLE_USER = (
    _USER[:-1]
    + ',"sessionContext":{"sessionIssuer":{},"webIdFederationData":{},"attributes":{"creationDate":"%(created)s","mfaAuthenticated":"true"}}}'
)
_ROOT = '{"type":"Root","principalId":"%(account)s","arn":"%(arn)s","accountId":"%(account)s","accessKeyId":"ASIA%(key16)s","sessionContext":{"sessionIssuer":{},"webIdFederationData":{},"attributes":{"creationDate":"%(created)s","mfaAuthenticated":"true"}}}'
_FEDERATED_ROLE = _role().replace(
    '"webIdFederationData":{}',
    '"webIdFederationData":{"federatedProvider":"arn:aws:iam::%(account)s:oidc-provider/oidc.eks.%(region)s.amazonaws.com/id/%(oidc)s","attributes":{}}',
)

# weight, members, fleet, identity, user agents, ARN, session, address, and what is not usual
COHORTS = (
    # servers, containers and functions
    Cohort(0.19, 12, 5, _role(of_session=',"ec2RoleDelivery":"2.0"'), _SERVER_AGENTS, _ROLE_ARN, "%(instance)s", tls="modern"),
    Cohort(0.06, 6, 5, _role(of_session=',"ec2RoleDelivery":"1.0"'), _SERVER_AGENTS, _ROLE_ARN, "%(instance)s", tls="openssl 1.0"),
    Cohort(0.12, 10, 4, _role(), _SERVER_AGENTS, _ROLE_ARN, "%(hex32)s", "%(private_ip)s", "modern", in_vpc=True),
    Cohort(0.13, 14, 6, _role(), _LAMBDA_AGENTS, _ROLE_ARN, "%(function_name)s", tls="modern"),
    Cohort(0.03, 4, 4, _role(',"inScopeOf":{"sourceArn":"arn:aws:lambda:%(region)s:%(account)s:function:%(function_name)s","sourceAccount":"%(account)s","issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"arn:aws:lambda:%(region)s:%(account)s:function:%(function_name)s"}'), _LAMBDA_AGENTS, _ROLE_ARN, "%(function_name)s", tls="modern"),
    Cohort(0.04, 6, 3, _FEDERATED_ROLE, _SERVER_AGENTS, _ROLE_ARN, "botocore-session-166%(short_serial)s", tls="modern"),
    # people and automation
    Cohort(0.075, 5, 1, _role(), _AUTOMATION_AGENTS, _ROLE_ARN, "GitHubActions", tls="modern", breadth=30),
    Cohort(0.03, 6, 2, _role(',"onBehalfOf":{"userId":"%(hex8)s-%(uuid)s","identityStoreArn":"arn:aws:identitystore::%(account)s:identitystore/d-%(store)s"}'), _AUTOMATION_AGENTS, _ROLE_ARN, "%(person)s", tls="modern", breadth=30),
    Cohort(0.2, 8, 1, _USER, _SERVER_AGENTS, _USER_ARN, tls="modern"),
    Cohort(0.015, 4, 1, _CONSOLE_USER, _BROWSERS, _USER_ARN, tls="modern", breadth=30),
    Cohort(0.09, 8, 2, _role(mfa="true"), _CONSOLE_AGENTS, _ROLE_ARN, "%(person)s", tail=_FROM_CONSOLE, breadth=30),
    Cohort(0.004, 1, 1, _ROOT, _BROWSERS, "arn:aws:iam::%(account)s:root", tls="modern", breadth=10),
    Cohort(0.003, 6, 1, _USER.replace('"accessKeyId":"%(user_key)s",', ""), _BROWSERS, _USER_ARN, tls="modern", services=("sign-in",), fails=False),
    Cohort(0.001, 3, 1, _role(), _BROWSERS, _ROLE_ARN, "%(person)s", services=("console",), fails=False),
    Cohort(0.004, 6, 1, '{"type":"IdentityCenterUser","accountId":"%(account)s","onBehalfOf":{"userId":"%(hex8)s-%(uuid)s","identityStoreArn":"arn:aws:identitystore::%(account)s:identitystore/d-%(store)s"},"credentialId":"%(hex64)s"}', _AUTOMATION_AGENTS, tls="modern", services=("identity center",), fails=False),
    Cohort(0.025, 6, 4, '{"type":"WebIdentityUser","principalId":"arn:aws:iam::%(account)s:oidc-provider/oidc.eks.%(region)s.amazonaws.com/id/%(oidc)s:sts.amazonaws.com:system:serviceaccount:%(stage)s:%(word)s","userName":"system:serviceaccount:%(stage)s:%(word)s","identityProvider":"arn:aws:iam::%(account)s:oidc-provider/oidc.eks.%(region)s.amazonaws.com/id/%(oidc)s"}', _SERVER_AGENTS, tls="modern", services=("sts by web identity",), fails=False),
    Cohort(0.003, 6, 1, '{"type":"SAMLUser","principalId":"%(short_amz_id)s:%(person)s@example.net","userName":"%(person)s@example.net","identityProvider":"%(short_amz_id)s"}', _BROWSERS, tls="modern", services=("sts by SAML",), fails=False),
    Cohort(0.012, 4, 1, '{"type":"AWSAccount","principalId":"AROA%(key16)s:%(word)s","accountId":"%(other_account)s"}', _SERVER_AGENTS, "arn:aws:sts::%(other_account)s:assumed-role/%(role)s/%(word)s", tls="modern", services=("sts", "kms", "s3", "sqs"), shared=1.0),
    # AWS itself
    Cohort(0.095, 10, 3, _role(',"invokedBy":"%(invoker)s"'), _INVOKER_AGENT, _ROLE_ARN, "%(word)s-%(serial)s", "%(invoker)s", services=("kms", "ec2", "s3", "autoscaling", "elasticloadbalancing", "monitoring", "logs")),
    Cohort(0.034, 8, 2, '{"type":"AWSService","invokedBy":"%(service)s"}', _SERVICE_AGENT, address="%(service)s", services=("sts by services", "s3 by services"), shared=0.7, fails=False),
    *(
        Cohort(0.003, 1, 1, f'{{"accountId":"%(account)s","invokedBy":"{service}.amazonaws.com"}}', (f"{service}.amazonaws.com",), address=f"{service}.amazonaws.com", services=(f"{service} by itself",), fails=False)
        for service in ("kms", "ec2", "secretsmanager")
    ),
    # clients that AWS no longer lets in
    Cohort(0.006, 3, 2, _USER, _TLS10_AGENTS, _USER_ARN, tls="TLS 1.0 at most", services=("s3", "sqs", "ec2", "dynamodb")),
    Cohort(0.0035, 2, 2, _role(), _TLS11_AGENTS, _ROLE_ARN, "%(instance)s", tls="TLS 1.1 at most", services=("s3", "sqs", "ec2", "monitoring")),
)  # fmt: skip
