"""The client parser: what a user agent says, why the client is old, and how that is fixed."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.lake import Narrowing, open_lake
from analyzer.queries import sql
from tests.conftest import asked, cloudtrail_logs, records_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.conftest import Json, Rows

KINDS = {"aws", "sdk", "library", "tool", "browser", "runtime", "unknown", "none"}
LONGEST_READ = 1_024


class Client(NamedTuple):
    """What is expected of a user agent; None where it does not say."""

    kind: str
    name: str | None
    version: str | None = None
    runtime: str | None = None
    os: str | None = None
    tool: str | None = None


EXPECTED = {
    # AWS SDK for Python, old and new ways of writing it
    "Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165": Client(
        "sdk", "AWS SDK for Python", "1.26.165", "Python 3.10.6", "Linux 5.19.0-46-generic"
    ),
    "[Boto3/1.7.84 Python/2.7.18 Darwin/19.6.0 Botocore/1.10.84 Resource]": Client(
        "sdk", "AWS SDK for Python", "1.7.84", "Python 2.7.18", "Darwin 19.6.0"
    ),
    "Boto3/1.42.97 md/Botocore#1.42.97 ua/2.1 os/linux#5.10.247-246.989.amzn2.x86_64 "
    "md/arch#x86_64 lang/python#3.12.12 md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 "
    "m/Z,b,D,C cfg/retry-mode#legacy Botocore/1.42.97": Client(
        "sdk",
        "AWS SDK for Python",
        "1.42.97",
        "Python 3.12.12",
        "Linux 5.10.247-246.989.amzn2.x86_64",
    ),
    "Botocore/1.27.59 Python/3.9.13 Linux/5.4.0-1088-aws": Client(
        "sdk", "Botocore", "1.27.59", "Python 3.9.13", "Linux 5.4.0-1088-aws"
    ),
    "aiobotocore/2.5.0 Python/3.11.2 Linux/6.1.0 Botocore/1.29.76": Client(
        "sdk", "aiobotocore", "2.5.0", "Python 3.11.2", "Linux 6.1.0"
    ),
    "Boto/2.49.0 Python/2.6.6 Linux/2.6.18-419.el5": Client(
        "sdk", "Boto 2", "2.49.0", "Python 2.6.6", "Linux 2.6.18-419.el5"
    ),
    "Boto3/1.26.0": Client("sdk", "AWS SDK for Python", "1.26.0"),
    # AWS CLI
    "aws-cli/1.3.23 Python/2.7.6 Linux/2.6.18-164.el5": Client(
        "sdk", "AWS CLI", "1.3.23", "Python 2.7.6", "Linux 2.6.18-164.el5"
    ),
    "aws-cli/1.10.32 Python/2.7.9 Windows/7 botocore/1.4.22": Client(
        "sdk", "AWS CLI", "1.10.32", "Python 2.7.9", "Windows 7"
    ),
    "[aws-cli/2.13.5 Python/3.11.4 Linux/5.15.0-76-generic exe/x86_64.ubuntu.22 prompt/off "
    "command/s3.ls]": Client(
        "sdk", "AWS CLI", "2.13.5", "Python 3.11.4", "Linux 5.15.0-76-generic"
    ),
    "aws-cli/2.32.3 md/awscrt#0.28.4 ua/2.1 os/windows#10 md/arch#amd64 lang/python#3.13.9 "
    "md/pyimpl#CPython m/Z,b,E cfg/retry-mode#standard md/installer#exe md/prompt#off "
    "md/command#ecr.get-login-password": Client(
        "sdk", "AWS CLI", "2.32.3", "Python 3.13.9", "Windows 10"
    ),
    "aws-cli/2.15.59 md/awscrt#0.19.19 ua/2.0 os/macos#22.6.0 md/arch#arm64 "
    "lang/python#3.11.11 md/pyimpl#CPython": Client(
        "sdk", "AWS CLI", "2.15.59", "Python 3.11.11", "macOS 22.6.0"
    ),
    # AWS SDK for Java
    "aws-sdk-java/1.9.40 Linux/2.6.32-754.35.1.el6.x86_64 "
    "Java_HotSpot(TM)_64-Bit_Server_VM/24.80-b11/1.7.0_80": Client(
        "sdk", "AWS SDK for Java", "1.9.40", "Java 1.7.0_80", "Linux 2.6.32-754.35.1.el6.x86_64"
    ),
    "aws-sdk-java/1.4.5 Linux/2.6.32-431.el6.x86_64 OpenJDK_64-Bit_Server_VM/24.45-b08": Client(
        "sdk", "AWS SDK for Java", "1.4.5", "Java VM 24.45-b08", "Linux 2.6.32-431.el6.x86_64"
    ),
    "aws-sdk-java/1.12.262 Linux/5.4.0-1085-aws "
    "OpenJDK_64-Bit_Server_VM/11.0.16+8-post-Ubuntu-0ubuntu118.04 java/11.0.16 groovy/2.5.18 "
    "vendor/Ubuntu cfg/retry-mode/legacy": Client(
        "sdk", "AWS SDK for Java", "1.12.262", "Java 11.0.16", "Linux 5.4.0-1085-aws"
    ),
    "aws-sdk-java/2.20.68 Linux/5.10.186 OpenJDK_64-Bit_Server_VM/11.0.19+7-LTS Java/11.0.19 "
    "vendor/Amazon.com_Inc. io/sync http/Apache": Client(
        "sdk", "AWS SDK for Java", "2.20.68", "Java 11.0.19", "Linux 5.10.186"
    ),
    "aws-sdk-java/2.29.6 ua/2.1 os/Linux#6.1.112 lang/java#21.0.5 "
    "md/OpenJDK_64-Bit_Server_VM#21.0.5+11-LTS md/vendor#Amazon.com_Inc. md/en_US": Client(
        "sdk", "AWS SDK for Java", "2.29.6", "Java 21.0.5", "Linux 6.1.112"
    ),
    "aws-sdk-java/2.29.6 ua/2.1 os/Linux#6.1.112 md/OpenJDK_64-Bit_Server_VM#21.0.5+11-LTS": Client(
        "sdk", "AWS SDK for Java", "2.29.6", None, "Linux 6.1.112"
    ),
    "Hadoop 3.3.1, aws-sdk-java/1.12.276 Linux/5.10.144 OpenJDK_64-Bit_Server_VM/25.342-b07 "
    "java/1.8.0_342 scala/2.12.15": Client(
        "sdk", "AWS SDK for Java", "1.12.276", "Java 1.8.0_342", "Linux 5.10.144", "Hadoop 3.3.1"
    ),
    "ElasticMapReduce/1.0.0 emrfs/s3n user:hadoop, aws-sdk-java/1.8.1 Linux/3.2.30 "
    "Java_HotSpot(TM)_64-Bit_Server_VM/24.60-b09/1.7.0_60": Client(
        "sdk", "AWS SDK for Java", "1.8.1", "Java 1.7.0_60", "Linux 3.2.30", "Amazon EMR 1.0.0"
    ),
    "Java/1.6.0_45": Client("runtime", "Java", "1.6.0_45", "Java 1.6.0_45"),
    "Apache-HttpClient/4.5.13 (Java/1.8.0_292)": Client(
        "library", "Apache HttpClient", "4.5.13", "Java 1.8.0_292"
    ),
    "JetS3t/0.9.0 (Linux/2.6.18; amd64; en; JVM 1.7.0)": Client(
        "library", "JetS3t", "0.9.0", None, "Linux 2.6.18"
    ),
    # .NET and PowerShell
    "aws-sdk-dotnet-35/2.0.2.2 .NET Runtime/2.0 .NET Framework/3.5 OS/6.1.7601.65536 "
    "FileIOAsync": Client(
        "sdk", "AWS SDK for .NET", "2.0.2.2", ".NET Framework 3.5", "Windows NT 6.1.7601.65536"
    ),
    "aws-sdk-dotnet-35/3.3.5.5 aws-sdk-dotnet-core/3.3.25.3 .NET_Runtime/2.0 .NET_Framework/3.5 "
    "OS/Microsoft_Windows_NT_6.1.7601_Service_Pack_1 ClientSync": Client(
        "sdk", "AWS SDK for .NET", "3.3.5.5", ".NET Framework 3.5", "Windows NT 6.1.7601"
    ),
    "aws-sdk-dotnet-45/3.7.300.16 md/aws-sdk-dotnet-core#3.7.300.16 ua/2.0 os/windows#6.2.9200.0 "
    "lang/.NET_Runtime#4.0 md/.NET_Framework#4.8.09037": Client(
        "sdk", "AWS SDK for .NET", "3.7.300.16", ".NET Framework 4.8.09037", "Windows 6.2.9200.0"
    ),
    "aws-sdk-dotnet-coreclr/3.7.101.12 aws-sdk-dotnet-core/3.7.103.6 .NET_Core/6.0.11 "
    "OS/Microsoft_Windows_10.0.17763 ClientAsync": Client(
        "sdk", "AWS SDK for .NET", "3.7.101.12", ".NET 6.0.11", "Windows NT 10.0.17763"
    ),
    "AWSPowerShell/4.1.209.0 .NET_Runtime/4.0 .NET_Framework/4.0 "
    "OS/Microsoft_Windows_NT_10.0.17763.0 WindowsPowerShell/5.1 ClientSync": Client(
        "sdk",
        "AWS Tools for PowerShell",
        "4.1.209.0",
        "Windows PowerShell 5.1",
        "Windows NT 10.0.17763.0",
    ),
    # Go
    "aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)": Client(
        "sdk", "AWS SDK for Go", "1.44.157", "Go 1.19.3", "Linux"
    ),
    "aws-sdk-go-v2/1.17.0 os/linux lang/go/1.18.10 md/GOOS/linux md/GOARCH/amd64 "
    "api/ec2/1.63.1": Client("sdk", "AWS SDK for Go", "1.17.0", "Go 1.18.10", "Linux"),
    "aws-sdk-go-v2/1.32.5 ua/2.1 os/macos lang/go#1.23.3 md/GOOS#darwin md/GOARCH#arm64 "
    "api/sts#1.33.1 m/E,g": Client("sdk", "AWS SDK for Go", "1.32.5", "Go 1.23.3", "macOS"),
    "aws-sdk-go/1.41.4 (go1.18.3; linux; amd64) amazon-ssm-agent/": Client(
        "sdk", "AWS SDK for Go", "1.41.4", "Go 1.18.3", "Linux", "SSM Agent"
    ),
    "S3Manager, aws-sdk-go/1.44.131 (go1.19.2; linux; amd64) S3Manager": Client(
        "sdk", "AWS SDK for Go", "1.44.131", "Go 1.19.2", "Linux", "AWS SDK for Go, S3 Manager"
    ),
    "MinIO (linux; amd64) minio-go/v7.0.34 mc/RELEASE.2022": Client(
        "library", "MinIO SDK for Go", "7.0.34", None, "Linux"
    ),
    "Go-http-client/1.1": Client("library", "Go net/http", "1.1"),
    # The SDK is not always in front.
    "APN/1.0 HashiCorp/1.0 Terraform/1.5.2 (+https://www.terraform.io) "
    "terraform-provider-aws/5.6.2 (+https://registry.terraform.io/providers/hashicorp/aws) "
    "aws-sdk-go/1.44.291 (go1.20.5; linux; amd64) HashiCorp-terraform-exec/0.17.3": Client(
        "sdk", "AWS SDK for Go", "1.44.291", "Go 1.20.5", "Linux", "Terraform 1.5.2"
    ),
    "[APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) "
    "terraform-provider-aws/5.74.0 aws-sdk-go-v2/1.32.3 ua/2.1 os/linux lang/go#1.23.2 "
    "md/GOOS#linux]": Client(
        "sdk", "AWS SDK for Go", "1.32.3", "Go 1.23.2", "Linux", "Terraform 1.9.8"
    ),
    "APN/1.0 Ansible/2.13.6 Boto3/1.24.28 Python/3.9.14 Linux/5.4.0 Botocore/1.27.96": Client(
        "sdk", "AWS SDK for Python", "1.24.28", "Python 3.9.14", "Linux 5.4.0", "Ansible 2.13.6"
    ),
    "aws-cdk/2.50.0 aws-sdk-nodejs/2.1251.0 linux/v18.12.1 promise": Client(
        "sdk", "AWS SDK for JavaScript", "2.1251.0", "Node.js 18.12.1", "Linux", "AWS CDK 2.50.0"
    ),
    "CloudCustodian(net-change-encryption)/0.9.2 Python/3.8.3 Linux/4.14.165 "
    "exec-env/AWS_Lambda_python3.8 Botocore/1.15.49": Client(
        "sdk", "Botocore", "1.15.49", "Python 3.8.3", "Linux 4.14.165", "Cloud Custodian"
    ),
    "stratus-red-team_0362e208-cc47-4ba7-9c39-195518d6e937": Client("tool", "Stratus Red Team"),
    # JavaScript
    "aws-sdk-nodejs/2.395.0 linux/v8.15.0 callback": Client(
        "sdk", "AWS SDK for JavaScript", "2.395.0", "Node.js 8.15.0", "Linux"
    ),
    "aws-sdk-js/3.188.0 os/linux/4.14.255 lang/js md/nodejs/16.18.0 api/dynamodb/3.188.0": Client(
        "sdk", "AWS SDK for JavaScript", "3.188.0", "Node.js 16.18.0", "Linux 4.14.255"
    ),
    "aws-sdk-js/3.624.0 ua/2.0 os/linux#5.10.219 lang/js md/nodejs#20.15.1 api/s3#3.624.0": Client(
        "sdk", "AWS SDK for JavaScript", "3.624.0", "Node.js 20.15.1", "Linux 5.10.219"
    ),
    # Ruby, PHP, Rust, C++, phones
    "aws-sdk-ruby/1.66.0 ruby/1.9.3 x86_64-linux": Client(
        "sdk", "AWS SDK for Ruby", "1.66.0", "Ruby 1.9.3"
    ),
    "aws-sdk-ruby3/3.171.0 ua/2.0 os/linux md/x86_64 lang/ruby#2.7.8 md/2.7.8": Client(
        "sdk", "AWS SDK for Ruby", "3.171.0", "Ruby 2.7.8", "Linux"
    ),
    "aws-sdk-php2/2.7.2 Guzzle/3.9.2 curl/7.19.7 PHP/5.3.3": Client(
        "sdk", "AWS SDK for PHP", "2.7.2", "PHP 5.3.3"
    ),
    "aws-sdk-php/3.240.3 OS/Linux/5.4.0-1088-aws lang/php/8.1.12 GuzzleHttp/7": Client(
        "sdk", "AWS SDK for PHP", "3.240.3", "PHP 8.1.12", "Linux 5.4.0-1088-aws"
    ),
    "aws-sdk-rust/1.3.14 ua/2.1 api/dynamodb#1.88.0 os/linux lang/rust#1.90.0 m/E": Client(
        "sdk", "AWS SDK for Rust", "1.3.14", "Rust 1.90.0", "Linux"
    ),
    "aws-sdk-cpp/1.9.379 Linux/5.10.144 x86_64 GCC/7.3.1": Client(
        "sdk", "AWS SDK for C++", "1.9.379", None, "Linux 5.10.144"
    ),
    "aws-sdk-iOS/2.0.7 iPhone-OS/8.1 en_US": Client(
        "sdk", "AWS SDK for iOS", "2.0.7", None, "iOS 8.1"
    ),
    "Dalvik/1.6.0 (Linux; U; Android 4.1.2; GT-I9100)": Client(
        "runtime", "Dalvik", "1.6.0", "Dalvik 1.6.0", "Android 4.1.2"
    ),
    # Browsers
    "[Mozilla/5.0 (Linux; Android 4.4.2; KIOSK-7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/30.0.0.0 Safari/537.36]": Client(
        "browser", "Chrome", "30.0.0.0", None, "Android 4.4.2"
    ),
    "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)": Client(
        "browser", "Internet Explorer", "9.0", None, "Windows NT 6.1"
    ),
    "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko": Client(
        "browser", "Internet Explorer 11", "7.0", None, "Windows NT 6.1"
    ),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/107.0.0.0 Safari/537.36 Edg/107.0.1418.42": Client(
        "browser", "Edge", "107.0.1418.42", None, "Windows NT 10.0"
    ),
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0": Client(
        "browser", "Firefox", "102.0", None, "Linux"
    ),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/16.1 Safari/605.1.15": Client("browser", "Safari", "605.1.15", None, "macOS"),
    # AWS itself
    "cloudformation.amazonaws.com": Client("aws", "cloudformation.amazonaws.com"),
    "config.cn-north-1.amazonaws.com.cn": Client("aws", "config.cn-north-1.amazonaws.com.cn"),
    "AWS Internal": Client("aws", "AWS Internal"),
    "AWS Internal/3": Client("aws", "AWS Internal", "3"),
    "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488 Linux/5.10.184 "
    "OpenJDK_64-Bit_Server_VM/25.372-b08 java/1.8.0_372 vendor/Oracle_Corporation]": Client(
        "aws", "AWS console", "0.4", "Java 1.8.0_372", "Linux 5.10.184"
    ),
    "RDS Console, aws-internal/3 aws-sdk-java/1.11.975 Linux/5.10.184": Client(
        "aws", "AWS console", None, None, "Linux 5.10.184"
    ),
    # Others
    "curl/7.19.7 (x86_64-redhat-linux-gnu) libcurl/7.19.7 NSS/3.27.1 zlib/1.2.3": Client(
        "library", "curl", "7.19.7"
    ),
    "python-requests/2.28.0": Client("library", "Requests", "2.28.0"),
    "ec2-api-tools 1.6.12.2": Client("sdk", "EC2 API Tools", "1.6.12.2"),
    "inventory-sync/4.1 (batch)": Client("unknown", "inventory-sync"),
    "[]": Client("none", None),
    "": Client("none", None),
}


@cache
def parser() -> duckdb.DuckDBPyConnection:
    """A DuckDB that knows nothing but the client parser's own SQL."""
    connection = duckdb.connect()
    for name in ("client_names", "client_fixes", "client"):
        connection.execute(sql(f"views/{name}"))
    return connection


def parsed(agents: Sequence[str | None]) -> Rows:
    """Return what the parser says of each user agent, in their order."""
    numbered = pa.table({"number": range(len(agents)), "agent": pa.array(agents, pa.string())})
    parser().register("agents", numbered)
    return answer_to(
        "SELECT parsed.* EXCLUDE (parts), client_fix(parsed) AS fix "
        "FROM (SELECT number, client(agent) AS parsed FROM agents) ORDER BY number"
    )


def answer_to(query: str) -> Rows:
    rows: Rows = parser().sql(query).to_arrow_table().to_pylist()
    return rows


def fixes() -> Rows:
    return answer_to("FROM client_fixes ORDER BY rank")


def words() -> Rows:
    return answer_to("FROM client_names")


@pytest.mark.parametrize(("agent", "expected"), EXPECTED.items())
def test_a_user_agent_is_read_as_a_person_reads_it(agent: str, expected: Client) -> None:
    [found] = parsed([agent])

    runtime = " ".join(filter(None, (found["runtime"], found["runtime_version"]))) or None
    assert expected == Client(
        found["kind"], found["name"], found["version"], runtime, found["os"], found["tool"]
    )


def test_no_user_agent_is_of_the_kind_none() -> None:
    [found] = parsed([None])

    assert (found["kind"], found["name"]) == ("none", None)
    assert found["fix"]["why"].startswith("The record has no user agent")


def test_brackets_change_nothing() -> None:
    bare = [agent for agent in EXPECTED if not agent.startswith("[")]

    assert parsed(bare) == parsed([f"[{agent}]" for agent in bare])


def test_a_user_agent_that_is_cut_off_anywhere_is_read_as_far_as_it_goes() -> None:
    agent = next(iter(EXPECTED)) + " exec-env/AWS_Lambda_python3.10"
    cut = [agent[:length] for length in range(len(agent) + 1)]

    found = parsed(cut)
    assert {each["kind"] for each in found} == {"none", "unknown", "sdk"}
    assert {each["name"] for each in found[6:]} == {"AWS SDK for Python"}
    assert found[-1]["runtime_version"] == "3.10.6"


@settings(max_examples=50)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))))
def test_no_user_agent_is_refused(agents: list[str | None]) -> None:
    found = parsed(agents)

    assert len(found) == len(agents)
    assert {each["kind"] for each in found} <= KINDS
    assert all(each["fix"]["source"] for each in found)


PIECES = st.sampled_from(
    [
        *(agent for agent in EXPECTED if agent),
        *" /#[]();,\0\n\t<>'\"\\",
        "Java_HotSpot(TM)_64-Bit_Server_VM/",
        "os/",
        "lang/",
        "windows nt ",
        ".NET Framework/",
        "99999999999999999999",
        "1.2.3",
        "é",
        "\u202e",
    ]
)


@settings(max_examples=30)
@given(st.lists(st.lists(PIECES, max_size=30).map("".join), min_size=10, max_size=20))
def test_no_mixture_of_user_agents_is_refused(agents: list[str]) -> None:
    found = parsed(agents)

    assert {each["kind"] for each in found} <= KINDS
    assert all(each["fix"]["source"] for each in found)


@pytest.mark.parametrize("piece", ["a", " ", "/", "java_vm/1", " 1", "os/", "[", "\U0001f600"])
def test_only_the_first_kilobyte_is_read(piece: str) -> None:
    long = piece * 100_000

    [found] = parsed([f"{long} Boto3/1.26.0"])
    assert [found] == parsed([long[:LONGEST_READ]])
    assert len(found["name"] or "") <= 64


# ---------------------------------------------------------------- the tables


def test_no_word_has_two_meanings() -> None:
    listed = [row["word"] for row in words()]

    assert len(listed) == len(set(listed))


def test_every_word_is_one_that_a_user_agent_can_have() -> None:
    listed = [row["word"].replace("*", "s3") for row in words()]
    found = parsed([f"{word}/1.2" if "amazonaws" not in word else word for word in listed])

    for row, read in zip(words(), found, strict=True):
        name = row["name"] or "s3.amazonaws.com"
        assert name in {read["name"], read["runtime"], (read["os"] or "").removesuffix(" 1.2")}, row


def test_every_fix_has_an_example_that_it_is_for() -> None:
    found = parsed([row["example"] for row in fixes()])

    for row, read in zip(fixes(), found, strict=True):
        assert read["fix"] == {name: row[name] for name in ("why", "fix", "source")}, row["example"]


def test_every_fix_has_its_source() -> None:
    for row in fixes():
        assert row["source"].startswith("https://"), row
        assert row["why"], row
        assert row["fix"], row


def test_a_fix_is_for_a_name_that_there_is() -> None:
    names = {row["name"] for row in words()} | {f"<{kind}>" for kind in KINDS}

    assert {row["part"] for row in fixes()} <= names


def test_every_kind_of_client_has_a_fix_when_nothing_else_fits() -> None:
    general = {row["part"] for row in fixes() if row["part"].startswith("<")}

    assert general == {f"<{kind}>" for kind in KINDS}


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        ("aws-sdk-java/1.11.1 Java/1.6.0_45", "Java 6 and older"),
        ("aws-sdk-java/1.11.1 Java/1.7.0", "Java 7 can"),
        ("aws-sdk-java/1.11.1 Java/1.8.0", "Java 8 and later"),
        ("aws-sdk-java/2.0.1 Java/17.0.5", "Java 8 and later"),
        ("Boto3/1.1 Python/2.7.8", "Python before 2.7.9"),
        ("Boto3/1.1 Python/2.7.10", "Python's TLS is that of the OpenSSL"),
        ("Boto3/1.1 Python/3.10.1", "Python 3.10 and later"),
        ("aws-sdk-dotnet-45/3.3 .NET_Framework/4.6.2", ".NET Framework before 4.7"),
        ("aws-sdk-dotnet-45/3.3 .NET_Framework/4.7", ".NET Framework 4.7 and later"),
        ("aws-sdk-nodejs/2.1 linux/v11.9.0", "Node.js before 12"),
        ("aws-sdk-nodejs/2.1 linux/v12.0.0", "Node.js 12 and later"),
        ("aws-cli/1.27.7 Python/3.8.10", "AWS CLI 1"),
        ("aws-cli/2.8.12 Python/3.9.11", "AWS CLI 2"),
    ],
)
def test_versions_are_compared_as_numbers(agent: str, why: str) -> None:
    [found] = parsed([agent])

    assert found["fix"]["why"].startswith(why)


def test_the_documentation_lists_every_fix(repository: Path) -> None:
    text = (repository / "docs" / "clients.md").read_text(encoding="utf-8")

    listed = text.partition("<!-- fixes -->\n")[2].partition("<!-- end of fixes -->")[0]
    assert listed == fixes_table()


def test_the_queries_in_the_documentation_are_answered(
    repository: Path, archive_lake: Path
) -> None:
    text = (repository / "docs" / "clients.md").read_text(encoding="utf-8")

    queries = re.findall(r'^\$ tlstrail sql "(.*)"$', text, re.MULTILINE)
    assert len(queries) == 2
    assert all(asked(archive_lake, query) for query in queries)


def fixes_table() -> str:
    """The table of fixes as docs/clients.md has it."""
    lines = ["| client | why it is old | how to fix it | source |", "| --- | --- | --- | --- |"]
    for row in fixes():
        source = f"[{urlsplit(row['source']).hostname}]({row['source']})"
        lines.append(f"| {versions_of(row)} | {row['why']} | {row['fix']} | {source} |")
    return "\n".join(lines) + "\n"


def versions_of(fix: Json) -> str:
    since, before = (
        ".".join(map(str, fix[bound] or ())) for bound in ("since_version", "before_version")
    )
    limits = [f"from {since}"] * bool(since) + [f"before {before}"] * bool(before)
    return " ".join([f"`{fix['part']}`", *limits])


# ---------------------------------------------------------------- user agents of records


def agents_of(records: Iterable[Json]) -> list[str]:
    found = {record.get("userAgent") for record in records}
    return sorted(agent for agent in found if isinstance(agent, str))


def test_every_user_agent_of_the_archive_is_known(distinct_records: list[Json]) -> None:
    agents = agents_of(distinct_records)

    assert len(agents) > 25
    assert {each["kind"] for each in parsed(agents)} <= KINDS - {"unknown", "none"}


def test_the_published_user_agents_are_known_but_for_those_that_say_nothing(
    published: Path,
) -> None:
    records = records_in(cloudtrail_logs(published))
    for path in published.glob("records/*.ndjson"):
        records += [json.loads(line) for line in path.read_text().splitlines() if line]
    agents = agents_of(records)

    kinds = [each["kind"] for each in parsed(agents)]
    assert len(agents) > 500
    assert kinds.count("unknown") / len(agents) < 0.02


# ---------------------------------------------------------------- in a lake


def test_a_query_may_ask_for_the_client(archive_lake: Path) -> None:
    rows = asked(
        archive_lake,
        "SELECT client(user_agent).name AS client, count(*) AS calls "
        "FROM events WHERE is_legacy(tls_version) GROUP BY ALL ORDER BY calls DESC",
    )

    assert rows[0] == {"client": "AWS SDK for Java", "calls": 76}
    assert sum(row["calls"] for row in rows) == 167


def test_the_parser_is_defined_when_a_query_asks_for_it(archive_lake: Path) -> None:
    with open_lake(archive_lake, Narrowing()) as lake:
        before = lake.table("SHOW TABLES").to_pylist()
        lake.table("SELECT client('curl/8')")
        after = lake.table("SHOW TABLES").to_pylist()

    assert {"client_names", "client_fixes"} == {row["name"] for row in after} - {
        row["name"] for row in before
    }
