"""A trail with log file validation: logs, and digests that are signed with a key of our own.

What is signed is written down here once more, after AWS's documentation, and shares no code
with ours.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import ACCOUNT, REGION, log_bytes, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Json

BUCKET = "trail-bucket"
START = datetime(2023, 1, 5, 9, 12, 47, tzinfo=UTC)


@cache
def key_pair(number: int = 1) -> rsa.RSAPrivateKey:
    """Return a private key; the same number gives the same one."""
    assert number
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def fingerprint(number: int = 1) -> str:
    return f"{number:032x}"


def public_key(number: int = 1, form: PublicFormat = PublicFormat.PKCS1) -> str:
    """Return a public key as ListPublicKeys has it: base64 of DER."""
    return base64.b64encode(key_pair(number).public_key().public_bytes(Encoding.DER, form)).decode()


def key_file(path: Path, *numbers: int, form: PublicFormat = PublicFormat.PKCS1) -> Path:
    """Write a file of public keys, as `aws cloudtrail list-public-keys` prints it."""
    keys = [
        {
            "Value": public_key(number, form),
            "ValidityStartTime": "2022-12-01T00:00:00+00:00",
            "ValidityEndTime": "2023-02-01T00:00:00+00:00",
            "Fingerprint": fingerprint(number),
        }
        for number in numbers
    ]
    path.write_text(json.dumps({"PublicKeyList": keys}))
    return path


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Trail:
    """What CloudTrail delivers for one trail and Region, in memory."""

    name: str = "audit"
    region: str = REGION
    account: str = ACCOUNT
    prefix: str = ""
    backfill: bool = False
    empty: bool = False
    """Whether its log files hold no record."""
    key: int = 1
    """The number of the key pair that signs."""
    says_key: int | None = None
    """The number of the key pair that it says has signed, if it lies."""
    ended_at: datetime = START
    objects: dict[str, bytes] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    """By digest; S3 keeps them as metadata."""
    digests: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    bucket: str = BUCKET
    previous: tuple[str, str, str, str] | None = None
    """What the next digest says of the last: bucket, key, hash, signature."""

    @property
    def folder(self) -> str:
        return f"{self.prefix}AWSLogs/{self.account}"

    def log(self, at: datetime, unique: str) -> Json:
        """Deliver a log file of one record or of none, and return its line of a digest."""
        name = f"{self.account}_CloudTrail_{self.region}_{at:%Y%m%dT%H%M}Z_{unique}.json.gz"
        key = f"{self.folder}/CloudTrail/{self.region}/{at:%Y/%m/%d}/{name}"
        records = [] if self.empty else [record(unique, eventTime=stamp(at))]
        self.objects[key] = log_bytes(records)
        self.logs.append(key)
        return {
            "s3Bucket": self.bucket,
            "s3Object": key,
            "hashValue": hashlib.sha256(gzip.decompress(self.objects[key])).hexdigest(),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": stamp(at),
            "oldestEventTime": stamp(at),
        }

    def hour(self, logs: int = 2) -> str:
        """Deliver an hour's log files and the digest of them, and return its key."""
        began, self.ended_at = self.ended_at, self.ended_at + timedelta(hours=1)
        listed = [
            self.log(began + timedelta(minutes=10 + 5 * number), f"{self.name}{len(self.logs)}")
            for number in range(logs)
        ]
        key = self.digest_key(self.ended_at)
        bucket, before, sha256, signature = self.previous or (None,) * 4
        digest = {
            "awsAccountId": self.account,
            "digestStartTime": stamp(began),
            "digestEndTime": stamp(self.ended_at),
            "digestS3Bucket": self.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": fingerprint(self.says_key or self.key),
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None,
            "oldestEventTime": None,
            "previousDigestS3Bucket": bucket,
            "previousDigestS3Object": before,
            "previousDigestHashValue": sha256,
            "previousDigestHashAlgorithm": sha256 and "SHA-256",
            "previousDigestSignature": signature,
            "logFiles": listed,
        }
        self.deliver(key, digest)
        self.digests.append(key)
        return key

    def deliver(self, key: str, digest: Json) -> None:
        """Put a digest in its place and sign it; the next one will name it."""
        text = json.dumps(digest).encode()
        sha256 = hashlib.sha256(text).hexdigest()
        lines = [
            digest["digestEndTime"],
            f"{digest['digestS3Bucket']}/{digest['digestS3Object']}",
            sha256,
            digest["previousDigestSignature"] or "null",
        ]
        signature = key_pair(self.key).sign("\n".join(lines).encode(), padding.PKCS1v15(), SHA256())
        self.objects[key] = gzip.compress(text, mtime=0)
        self.signatures[key] = signature.hex()
        self.previous = (self.bucket, key, sha256, signature.hex())

    def digest_key(self, ended_at: datetime) -> str:
        name = (
            f"{self.account}_CloudTrail-Digest_{self.region}_{self.name}_{REGION}_"
            f"{ended_at:%Y%m%dT%H%M%SZ}{'_backfill' if self.backfill else ''}.json.gz"
        )
        return f"{self.folder}/CloudTrail-Digest/{self.region}/{ended_at:%Y/%m/%d}/{name}"

    def hours(self, count: int, logs: int = 2) -> Trail:
        """Deliver so many hours."""
        for _ in range(count):
            self.hour(logs)
        return self

    def begin_anew(self, after: timedelta = timedelta()) -> None:
        """Forget the chain so far, as CloudTrail does when validation was switched off."""
        self.previous = None
        self.ended_at += after

    def says(self, key: str) -> Json:
        """Return a digest's words."""
        words: Json = json.loads(gzip.decompress(self.objects[key]))
        return words

    def write(self, root: Path) -> Path:
        """Write all of it as a local copy, without S3's metadata."""
        for key, body in self.objects.items():
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        return root
