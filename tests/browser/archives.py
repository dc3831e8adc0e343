"""Archives that a page has to stand: none, much, little that tells, refused, large, and hostile."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.conftest import Json, LogFolder, log_bytes, log_key, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JAVA_7 = (
    "aws-sdk-java/1.11.333 Linux/2.6.32-431.el6.x86_64 "
    "OpenJDK_64-Bit_Server_VM/24.181-b00 java/1.7.0_181"
)
OLD_CLIENTS = (
    JAVA_7,
    "Boto/2.49.0 Python/2.6.6 Linux/2.6.18-419.el5",
    "aws-cli/1.3.23 Python/2.6.6 Linux/2.6.18-164.el5",
    (
        "aws-sdk-dotnet-35/3.3.5.5 aws-sdk-dotnet-core/3.3.25.3 .NET_Runtime/2.0 "
        ".NET_Framework/3.5 OS/Microsoft_Windows_NT_6.1.7601_Service_Pack_1 ClientSync"
    ),
    "[Mozilla/5.0 (Linux; Android 4.4.2; KIOSK-7) AppleWebKit/537.36 Chrome/30.0.0.0]",
)
NEW_CLIENT = (
    "Boto3/1.42.97 md/Botocore#1.42.97 ua/2.1 os/linux#5.10 md/arch#x86_64 lang/python#3.12.13"
)
SERVICES = ("ec2", "s3", "sqs", "kms", "sts", "dynamodb", "monitoring")

HOSTILE = {
    "script": "<script>document.title='taken'</script><img src=x onerror='document.title=1'>",
    "closing": "</td></table></style></script><!-- ]]> {{ 7 * 7 }} {% raw %}",
    "quotes": "\" onmouseover=\"document.title='taken'\" '`&quot;&amp;",
    "right to left": "\u202egnp.exe\u202c \u2066x\u2069",
    "controls": "\x1b[2J\x07\x00 a\r\nb\tc",
    "formula": "=cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "plus": "+1+1",
    "minus": "-2+3",
    "tab": "\t=1+1",
    "long": "A1" * 524_288,
    "unbroken": "x" * 3_000,
    "letters": "\N{PILE OF POO} 用户代理 e\u0301 ﷽",
}


def call(number: int, day: date, version: str | None, **members: object) -> Json:
    """Return the record of a call at noon, with the TLS version that it says."""
    tls = {} if version is None else {"tlsDetails": {"tlsVersion": version}}
    usual = {
        "eventTime": f"{day}T12:00:{number % 60:02}Z",
        "eventSource": f"{SERVICES[number % len(SERVICES)]}.amazonaws.com",
        "sourceIPAddress": f"198.51.{number // 250 % 250}.{number % 250}",
        "userAgent": NEW_CLIENT,
    }
    return record(number, **(usual | tls | members))


def old_call(number: int, day: date, caller: int, **members: object) -> Json:
    """Return the record of a call with old TLS by the role of that number."""
    role = f"team-{caller}"
    usual = {
        "userAgent": OLD_CLIENTS[caller % len(OLD_CLIENTS)],
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::111122223333:assumed-role/{role}/session",
            "accessKeyId": f"ASIAEXAMPLE{caller:08}",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "arn": f"arn:aws:iam::111122223333:role/{role}",
                }
            },
        },
    }
    return call(number, day, "TLSv1" if number % 3 else "TLSv1.1", **(usual | members))


def _days(first: date, count: int, step: int = 1) -> Iterator[date]:
    for number in range(0, count, step):
        yield first + timedelta(days=number)


def _key(day: date, unique: str = "A", account: str = "111122223333") -> str:
    return log_key("1200", unique, day=f"{day:%Y/%m/%d}", account=account)


def no_legacy(logs: LogFolder) -> None:
    """A year of calls, each with TLS 1.2 or 1.3."""
    for number, day in enumerate(_days(date(2023, 1, 1), 365, 3)):
        versions = ("TLSv1.2", "TLSv1.3", "TLSv1.3")
        logs.put(
            _key(day),
            [
                call(number * 10 + place, day, version, managementEvent=place < 2, readOnly=True)
                for place, version in enumerate(versions)
            ],
        )


def much_legacy(logs: LogFolder) -> None:
    """Five years in which the calls with old TLS become fewer and do not end."""
    for number, day in enumerate(_days(date(2019, 3, 1), 1_800, 5)):
        old = max(1, 40 - number // 9)
        records = [old_call(number * 100 + place, day, place % 23) for place in range(old)]
        records += [call(number * 100 + 50 + place, day, "TLSv1.2") for place in range(20)]
        logs.put(_key(day), records)


def poor_coverage(logs: LogFolder) -> None:
    """Half a year in which one call in ten says which version it used."""
    for number, day in enumerate(_days(date(2023, 1, 1), 180, 4)):
        records = [call(number * 100, day, "TLSv1.2")]
        records += [call(number * 100 + place, day, None) for place in range(1, 10)]
        logs.put(_key(day), records)


def refused(logs: LogFolder) -> None:
    """A month with objects that cannot be read."""
    for number, day in enumerate(_days(date(2023, 5, 1), 31)):
        records = [call(number * 10 + place, day, "TLSv1.3") for place in range(5)]
        if number % 7 == 0:
            logs.put_bytes(_key(day), log_bytes(records)[:-9])
        else:
            logs.put(_key(day), records)


def nothing(logs: LogFolder) -> None:
    """One object without a record."""
    logs.put(_key(date(2023, 1, 1)), [])


def accounts_200(logs: LogFolder) -> None:
    """200 accounts, a few calls each."""
    day = date(2023, 4, 3)
    for number in range(200):
        account = f"{number:012}"
        records = [
            old_call(number * 10 + place, day, number % 9, recipientAccountId=account)
            for place in range(1 + number % 3)
        ]
        records.append(call(number * 10 + 9, day, "TLSv1.3", recipientAccountId=account))
        logs.put(_key(day, account=account), records)


def callers_5000(logs: LogFolder) -> None:
    """5,000 roles that call with old TLS, each from an address and with a client of its own."""
    for number, day in enumerate(_days(date(2023, 2, 1), 50)):
        logs.put(
            _key(day),
            [
                old_call(
                    caller,
                    day,
                    caller,
                    userAgent=f"{OLD_CLIENTS[caller % len(OLD_CLIENTS)]} app/{caller}",
                )
                for caller in range(number * 100, number * 100 + 100)
            ],
        )


def hostile(logs: LogFolder) -> None:
    """Calls with old TLS in which every field that a report shows is hostile."""
    day = date(2023, 6, 1)
    logs.put(
        _key(day),
        [
            old_call(
                number,
                day,
                number,
                userAgent=text,
                eventSource=text,
                eventName=text,
                awsRegion=text,
                sourceIPAddress=text,
                recipientAccountId=text,
                vpcEndpointId=text,
                errorCode=text,
                tlsDetails={
                    "tlsVersion": "TLSv1" if number % 2 else text,
                    "cipherSuite": text,
                    "clientProvidedHostHeader": text,
                    "keyExchange": text,
                },
                userIdentity={"type": text, "arn": text, "accountId": text, "accessKeyId": text},
            )
            for number, text in enumerate([*HOSTILE.values(), *reversed(HOSTILE.values())])
        ],
    )


ARCHIVES: dict[str, Callable[[LogFolder], None]] = {
    "no_legacy": no_legacy,
    "much_legacy": much_legacy,
    "poor_coverage": poor_coverage,
    "refused": refused,
    "nothing": nothing,
    "accounts_200": accounts_200,
    "callers_5000": callers_5000,
    "hostile": hostile,
}
