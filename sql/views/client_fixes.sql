-- Why does a client use old TLS, and how is it fixed?
--
-- The first row that fits a client is its fix. A row fits by one part of the client (a name of
-- `client_names`, or the kind of client in angle brackets), from a version on and before
-- another; without bounds, any version. The example is a user agent that the row is for.
CREATE OR REPLACE TEMP VIEW client_fixes AS
SELECT
    row_number() OVER () AS rank,
    *
FROM (
    VALUES
        (
            '<aws>', NULL, NULL,
            'AWS itself made the connection: a service on your behalf, or its console',
            'Nothing can be changed at your side; ask AWS Support if it goes on',
            'https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html',
            'cloudformation.amazonaws.com'
        ),

        -- Programs that say more than the runtime below them.
        (
            'AWS CLI', [2], NULL,
            'AWS CLI 2 brings its own TLS library and offers TLS 1.2: something in between does not',
            'Look for a proxy or a middlebox between this client and AWS that ends TLS, and update it',
            'https://docs.aws.amazon.com/cli/latest/userguide/cli-security-enforcing-tls.html',
            'aws-cli/2.13.5 Python/3.11.4 Linux/5.15.0-76-generic exe/x86_64.ubuntu.22 prompt/off command/s3.ls'
        ),
        (
            'AWS CLI', NULL, [2],
            'AWS CLI 1 uses the machine''s own Python and OpenSSL; OpenSSL before 1.0.1 has no TLS 1.2',
            'Install AWS CLI 2, which brings its own',
            'https://docs.aws.amazon.com/cli/v1/userguide/cli-security-enforcing-tls.html',
            'aws-cli/1.7.36 Python/2.6.6 Linux/2.6.32-573.8.1.el6.x86_64'
        ),
        (
            'Boto 2', NULL, NULL,
            'Boto 2 is no longer maintained and runs on Python 2; OpenSSL before 1.0.1 has no TLS 1.2',
            'Move the program to boto3 on a Python that is still maintained',
            'https://github.com/boto/boto',
            'Boto/2.49.0 Python/2.6.6 Linux/2.6.18-419.el5'
        ),
        (
            'EC2 API Tools', NULL, NULL,
            'The EC2 API Tools are no longer maintained and run on whichever Java the machine has',
            'Install AWS CLI 2 in their place, or run them on Java 8 or later',
            'https://docs.aws.amazon.com/cli/latest/userguide/cli-security-enforcing-tls.html',
            'ec2-api-tools 1.6.12.2'
        ),
        (
            'Internet Explorer', NULL, [11],
            'Internet Explorer before 11 does not offer TLS 1.1 and 1.2 unless told to',
            'Use a current browser; until then, tick TLS 1.2 in Internet Options, Advanced',
            'https://blogs.msdn.microsoft.com/kaushal/2011/10/02/support-for-ssltls-protocols-on-windows/',
            'Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)'
        ),
        (
            'Firefox', NULL, [27],
            'Firefox before 27 does not offer TLS 1.1 and 1.2 unless told to',
            'Use a current browser',
            'https://www.mozilla.org/en-US/firefox/27.0/releasenotes/',
            'Mozilla/5.0 (Windows NT 6.1; WOW64; rv:24.0) Gecko/20100101 Firefox/24.0'
        ),

        -- Java
        (
            'Java', NULL, [1, 7],
            'Java 6 and older offer TLS 1.0 unless told otherwise',
            'Run the program on Java 8 or later, where TLS 1.2 is the default',
            'https://blogs.oracle.com/java/post/diagnosing-tls-ssl-and-https',
            'aws-sdk-java/1.4.7 Linux/2.6.18-308.el5 Java_HotSpot(TM)_64-Bit_Server_VM/20.45-b01/1.6.0_45'
        ),
        (
            'Java', [1, 7], [1, 8],
            'Java 7 can use TLS 1.2, but offers TLS 1.0 unless told otherwise',
            'Run the program on Java 8 or later; until then, -Djdk.tls.client.protocols=TLSv1.2 and -Dhttps.protocols=TLSv1.2',
            'https://blogs.oracle.com/java/post/diagnosing-tls-ssl-and-https',
            'aws-sdk-java/1.11.333 Linux/2.6.32-431.el6.x86_64 OpenJDK_64-Bit_Server_VM/24.181-b00 java/1.7.0_181'
        ),
        (
            'Java', [1, 8], NULL,
            'Java 8 and later offer TLS 1.2: a setting of the program forbids it, or something in between does',
            'Look for https.protocols and jdk.tls.client.protocols in the program''s options, then for a proxy that ends TLS',
            'https://docs.aws.amazon.com/sdk-for-java/v1/developer-guide/security-java-tls.html',
            'aws-sdk-java/2.20.68 Linux/5.10.186-179.751.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/11.0.19+7-LTS Java/11.0.19'
        ),
        (
            'Java VM', NULL, [25],
            'A Java virtual machine before 25 is Java 7 or older, which offers TLS 1.0 unless told otherwise',
            'Run the program on Java 8 or later, where TLS 1.2 is the default',
            'https://blogs.oracle.com/java/post/diagnosing-tls-ssl-and-https',
            'aws-sdk-java/1.4.5 Linux/2.6.32-431.el6.x86_64 OpenJDK_64-Bit_Server_VM/24.45-b08'
        ),

        -- .NET and PowerShell
        (
            'Windows PowerShell', NULL, NULL,
            'Windows PowerShell runs on .NET Framework, which before 4.7 does not follow the system''s TLS versions',
            'Set SchUseStrongCrypto and SystemDefaultTlsVersions to 1 in the registry, or use PowerShell 7',
            'https://docs.aws.amazon.com/sdk-for-net/v3/developer-guide/enforcing-tls.html',
            'AWSPowerShell/3.3.365.0 .NET_Runtime/4.0 .NET_Framework/4.0 OS/Microsoft_Windows_NT_6.3.9600.0 WindowsPowerShell/4.0 ClientSync'
        ),
        (
            '.NET Framework', NULL, [4],
            '.NET Framework 3.5 and older offer TLS 1.0 only, unless patched and told otherwise',
            'Move to .NET Framework 4.7 or later; until then, Microsoft''s TLS update for 3.5 with SystemDefaultTlsVersions=1, and on Windows 7 and Server 2008 R2 TLS 1.2 enabled in SCHANNEL',
            'https://learn.microsoft.com/dotnet/framework/network-programming/tls',
            'aws-sdk-dotnet-35/3.3.5.5 aws-sdk-dotnet-core/3.3.25.3 .NET_Runtime/2.0 .NET_Framework/3.5 OS/Microsoft_Windows_NT_6.1.7601_Service_Pack_1 ClientSync'
        ),
        (
            '.NET Framework', [4], [4, 7],
            '.NET Framework before 4.7 does not follow the system''s TLS versions (older SDKs say 4.0 for every 4.x)',
            'Move to .NET Framework 4.7 or later; until then, SchUseStrongCrypto=1 and SystemDefaultTlsVersions=1 in the registry, and on Windows 7 and Server 2008 R2 TLS 1.2 enabled in SCHANNEL',
            'https://learn.microsoft.com/dotnet/framework/network-programming/tls',
            'aws-sdk-dotnet-45/3.3.110.30 aws-sdk-dotnet-core/3.3.104.32 .NET_Runtime/4.0 .NET_Framework/4.0 OS/Microsoft_Windows_NT_6.2.9200.0 ClientAsync'
        ),
        (
            '.NET Framework', [4, 7], NULL,
            '.NET Framework 4.7 and later follow the system: SCHANNEL has TLS 1.2 off, or the program pins an older version',
            'Enable TLS 1.2 for clients in SCHANNEL, and remove ServicePointManager.SecurityProtocol from the program',
            'https://learn.microsoft.com/dotnet/framework/network-programming/tls',
            'aws-sdk-dotnet-45/3.7.300.16 md/aws-sdk-dotnet-core#3.7.300.16 ua/2.0 os/windows#6.2.9200.0 lang/.NET_Runtime#4.0 md/.NET_Framework#4.8.09037'
        ),
        (
            '.NET', NULL, NULL,
            '.NET Core and later follow the system''s TLS library: SCHANNEL on Windows, OpenSSL elsewhere',
            'Enable TLS 1.2 in SCHANNEL, or update OpenSSL to 1.0.1 or later; then look for a proxy that ends TLS',
            'https://docs.aws.amazon.com/sdk-for-net/v3/developer-guide/enforcing-tls.html',
            'aws-sdk-dotnet-coreclr/3.7.101.12 aws-sdk-dotnet-core/3.7.103.6 .NET_Core/6.0.11 OS/Linux_5.10.147 ClientAsync'
        ),

        -- Python
        (
            'Python', NULL, [2, 7, 9],
            'Python before 2.7.9 has no TLS 1.2 of its own, and its OpenSSL is mostly older than 1.0.1, which has none',
            'Run the program on a Python 3 that is still maintained',
            'https://docs.python.org/2.7/library/ssl.html',
            'Boto3/1.4.4 Python/2.7.5 Linux/2.6.32-431.el6.x86_64 Botocore/1.5.40'
        ),
        (
            'Python', [3], [3, 4],
            'Python 3 before 3.4 has no TLS 1.2 of its own',
            'Run the program on a Python 3 that is still maintained',
            'https://docs.python.org/3/library/ssl.html',
            'Boto3/1.2.3 Python/3.3.2 Linux/3.10.0-123.el7.x86_64 Botocore/1.3.23'
        ),
        (
            'Python', NULL, [3, 10],
            'Python''s TLS is that of the OpenSSL it was built with; before 1.0.1 there is no TLS 1.2',
            'See python -c "import ssl; print(ssl.OPENSSL_VERSION)" and rebuild or update Python; from 1.0.1 on, look for a proxy that ends TLS',
            'https://boto3.amazonaws.com/v1/documentation/api/latest/guide/security.html',
            'Boto3/1.24.84 Python/3.8.14 Linux/4.14.225-175.364.amzn2.aarch64 Botocore/1.27.84'
        ),
        (
            'Python', [3, 10], NULL,
            'Python 3.10 and later need OpenSSL 1.1.1, which offers TLS 1.2: something in between does not',
            'Look for a proxy or a middlebox between this client and AWS that ends TLS, and update it',
            'https://peps.python.org/pep-0644/',
            'Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165'
        ),

        -- Other runtimes
        (
            'Go', NULL, NULL,
            'Go offers TLS 1.2 by itself: the program sets MaxVersion, or something in between does not let it',
            'Look for tls.Config MaxVersion in the program, then for a proxy that ends TLS',
            'https://github.com/golang/go/issues/45428',
            'aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)'
        ),
        (
            'Node.js', NULL, [12],
            'Node.js before 12 goes below TLS 1.2 where a program or something in between asks for it',
            'Run the program on a Node.js that is still maintained, and remove secureProtocol from its options',
            'https://docs.aws.amazon.com/sdk-for-javascript/v2/developer-guide/enforcing-tls.html',
            'aws-sdk-nodejs/2.395.0 linux/v8.15.0 callback'
        ),
        (
            'Node.js', [12], NULL,
            'Node.js 12 and later do not go below TLS 1.2 unless told to, or something in between does',
            'Look for --tls-min-v1.0 and secureProtocol in the program, then for a proxy that ends TLS',
            'https://docs.aws.amazon.com/sdk-for-javascript/v2/developer-guide/enforcing-tls.html',
            'aws-sdk-nodejs/2.1083.0 linux/v14.20.0 exec-env/AWS_Lambda_nodejs14.x callback'
        ),
        (
            'Ruby', NULL, NULL,
            'Ruby''s TLS is that of its OpenSSL; before 1.0.1 there is no TLS 1.2',
            'See ruby -r openssl -e ''puts OpenSSL::OPENSSL_VERSION'' and update Ruby; from 1.0.1 on, look for a proxy that ends TLS',
            'https://docs.aws.amazon.com/sdk-for-ruby/v3/developer-guide/tls-version.html',
            'aws-sdk-ruby/1.66.0 ruby/1.9.3 x86_64-linux'
        ),
        (
            'PHP', NULL, NULL,
            'PHP''s TLS is that of its curl; before curl 7.34 or OpenSSL 1.0.1 there is no TLS 1.2',
            'See php -r "print_r(curl_version());" and update PHP, curl and OpenSSL; then look for a proxy that ends TLS',
            'https://curl.se/libcurl/c/CURLOPT_SSLVERSION.html',
            'aws-sdk-php2/2.7.2 Guzzle/3.9.2 curl/7.19.7 PHP/5.3.3'
        ),
        (
            'curl', NULL, [7, 34],
            'curl before 7.34 cannot be told to use TLS 1.2, and its TLS library is mostly as old',
            'Update curl together with its TLS library: OpenSSL 1.0.1 or later has TLS 1.2',
            'https://curl.se/libcurl/c/CURLOPT_SSLVERSION.html',
            'curl/7.19.7 (x86_64-redhat-linux-gnu) libcurl/7.19.7 NSS/3.27.1 zlib/1.2.3'
        ),
        (
            'AWS SDK for C++', NULL, NULL,
            'The SDK for C++ takes the machine''s HTTP client: WinHTTP on Windows, curl elsewhere',
            'Enable TLS 1.2 for WinHTTP, or update curl to 7.34 and OpenSSL to 1.0.1 or later',
            'https://docs.aws.amazon.com/sdk-for-cpp/v1/developer-guide/enforcing-tls.html',
            'aws-sdk-cpp/1.1.60 Linux/3.10.0-123.el7.x86_64 x86_64'
        ),
        (
            'AWS SDK for Java', NULL, NULL,
            'The user agent does not say which Java it is; before Java 8, TLS 1.0 is what it offers',
            'Find the Java on the machine, and move it to Java 8 or later',
            'https://docs.aws.amazon.com/sdk-for-java/v1/developer-guide/security-java-tls.html',
            'aws-sdk-java/1.3.33'
        ),

        -- Systems
        (
            'Android', NULL, [5],
            'Android before 5 can use TLS 1.2, but does not offer it unless told to',
            'Replace or update the device; in an app of your own, enable TLSv1.2 on its SSLSocket',
            'https://developer.android.com/reference/javax/net/ssl/SSLSocket',
            'Mozilla/5.0 (Linux; Android 4.4.2; KIOSK-7) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/30.0.0.0 Safari/537.36'
        ),
        (
            'Windows NT', NULL, [6, 1],
            'Windows XP, Vista and Server 2003 have no TLS 1.2; Server 2008 has it with an update',
            'Replace the machine, or on Server 2008 SP2 install Microsoft''s TLS 1.2 update and enable it',
            'https://blogs.msdn.microsoft.com/kaushal/2011/10/02/support-for-ssltls-protocols-on-windows/',
            'BackupAgent/3.1 (Windows NT 5.1)'
        ),
        (
            'Windows NT', [6, 1], [6, 2],
            'SCHANNEL on Windows 7 and Server 2008 R2 has TLS 1.2, but not enabled',
            'Enable TLS 1.2 for clients in SCHANNEL and set DefaultSecureProtocols, or move to a later Windows',
            'https://support.microsoft.com/en-us/kb/3140245',
            'BackupAgent/3.1 (Windows NT 6.1; WOW64)'
        ),
        (
            'Linux', [2, 6], [2, 6, 32],
            'Linux before 2.6.32, as in Red Hat and CentOS 5, comes with an OpenSSL that has no TLS 1.2',
            'Move the program to a system that is still maintained',
            'https://securityblog.redhat.com/2013/12/11/tlsv1-1-and-tlsv1-2-now-available-in-rhel/',
            'JetS3t/0.9.0 (Linux/2.6.18; amd64; en; JVM)'
        ),

        -- Whatever is left
        (
            '<browser>', NULL, NULL,
            'A current browser offers TLS 1.2: something in between does not',
            'Look for a proxy between this browser and AWS that inspects TLS, and update it; then the browser',
            'https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/',
            'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/115.0.0.0 Safari/537.36'
        ),
        (
            '<sdk>', NULL, NULL,
            'The user agent names no runtime that explains it: an old TLS library, a setting, or a proxy in between',
            'Find the machine by its address; update the runtime and its TLS library, then look for a proxy that ends TLS',
            'https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/',
            'Boto3/1.26.0'
        ),
        (
            '<library>', NULL, NULL,
            'The user agent names no runtime that explains it: an old TLS library, a setting, or a proxy in between',
            'Find the machine by its address; update the runtime and its TLS library, then look for a proxy that ends TLS',
            'https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/',
            'python-requests/2.28.0'
        ),
        (
            '<tool>', NULL, NULL,
            'The user agent names no runtime that explains it: an old TLS library, a setting, or a proxy in between',
            'Update the tool; if that does not help, look for a proxy between it and AWS that ends TLS',
            'https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/',
            'aws-toolkit-vscode/1.88.0 Visual-Studio-Code/1.82.2'
        ),
        (
            '<runtime>', NULL, NULL,
            'The user agent names no version that explains it: an old TLS library, a setting, or a proxy in between',
            'Find the machine by its address; update the runtime and its TLS library, then look for a proxy that ends TLS',
            'https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/',
            'rust'
        ),
        (
            '<unknown>', NULL, NULL,
            'The user agent is none that is known here, so it does not say which TLS library made the connection',
            'Find the program by its address, principal and access key; update its TLS library',
            'https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/',
            'inventory-sync/4.1'
        ),
        (
            '<none>', NULL, NULL,
            'The record has no user agent, so it does not say which TLS library made the connection',
            'Find the program by its address, principal and access key; update its TLS library',
            'https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/',
            NULL
        )
) AS fixes (part, since_version, before_version, why, fix, source, example);
