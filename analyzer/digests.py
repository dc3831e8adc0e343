"""CloudTrail's digests: what one says, what is signed of it, and which keys its words mean.

Once an hour CloudTrail writes, for each trail and Region, a digest that lists the log files
delivered since the last one with their hashes, and states the hash and the signature of the
digest before it. So each is vouched for by its successor; the newest one's signature is in
S3's metadata alone. Nothing here knows a store, a lake or a clock.

Sources, below https://docs.aws.amazon.com/awscloudtrail/latest/userguide/:
cloudtrail-log-file-validation-digest-file-structure.html,
cloudtrail-log-file-custom-validation.html. The verdicts are aws-cli's words.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from isal import isal_zlib

from analyzer.layout import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VALID = "valid"
NOT_FOUND = "INVALID: not found"
INVALID_FORMAT = "INVALID: invalid format"
SIGNATURE_FAILED = "INVALID: signature verification failed"

LARGEST_DIGEST = 256 * 1024 * 1024
_PIECE = 1024 * 1024
_GZIP_ONLY = 31  # zlib's window bits for: a gzip header, and nothing else

# What every copy keeps of a key, however deep it begins: AWSLogs/, the account, or the service.
_KEPT_BY_COPIES = re.compile(
    r"(?:^|/)((?:AWSLogs/(?:o-[a-z0-9]+/)?)?(?:\d{12}/)?CloudTrail-Digest/.+)$"
)


class InvalidFormat(Exception):
    """An object is not one gzip member, or not what a digest has to be."""


class ListedLog(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A log file as a digest lists it."""

    s3_bucket: str
    s3_object: str
    hash_value: str


class Digest(msgspec.Struct, frozen=True, rename="camel"):
    """A digest's own words. Nothing of it has been checked."""

    digest_start_time: str
    digest_end_time: str
    digest_s3_bucket: str
    digest_s3_object: str
    digest_public_key_fingerprint: str
    previous_digest_signature: str | None
    previous_digest_s3_bucket: str | None = None
    previous_digest_s3_object: str | None = None
    previous_digest_hash_value: str | None = None
    log_files: tuple[ListedLog, ...] = ()

    @property
    def started_at(self) -> datetime:
        """When the time that it covers begins."""
        return _time(self.digest_start_time)

    @property
    def ended_at(self) -> datetime:
        """When it ends."""
        return _time(self.digest_end_time)


def read_digest(body: bytes) -> tuple[Digest, str]:
    """Return a digest and the SHA-256 of its text. Raises `InvalidFormat` for anything else."""
    text = bytearray()
    for piece in unzipped(body):
        text += piece
        if len(text) > LARGEST_DIGEST:
            raise InvalidFormat
    try:
        digest = _decoder().decode(text)
        _ = digest.started_at, digest.ended_at
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidFormat from error
    return digest, hashlib.sha256(text).hexdigest()


def sha256_of_log(body: bytes) -> str:
    """Return the SHA-256 of a log file's text, in hex. Raises `InvalidFormat`."""
    found = hashlib.sha256()
    for piece in unzipped(body):
        found.update(piece)
    return found.hexdigest()


def unzipped(body: bytes) -> Iterator[bytes]:
    """Yield the text of a gzip file, a piece at a time, so that its size costs no memory.

    Raises `InvalidFormat` unless it is one whole member and nothing after it.
    """
    member = isal_zlib.decompressobj(wbits=_GZIP_ONLY)
    rest = body
    while not member.eof:
        try:
            piece = member.decompress(rest, _PIECE)
        except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls it a function
            raise InvalidFormat from error
        rest = member.unconsumed_tail
        if not piece and not rest and not member.eof:
            raise InvalidFormat
        yield piece
    if member.unused_data:
        raise InvalidFormat


def string_to_sign(
    ended_at: str, bucket: str, key: str, sha256: str, previous_signature: str | None
) -> bytes:
    """Return what CloudTrail signs of a digest; the first of a chain has no signature before."""
    return f"{ended_at}\n{bucket}/{key}\n{sha256}\n{previous_signature or 'null'}".encode()


@dataclass(frozen=True, slots=True)
class Signed:
    """What is signed of a digest, and by whom it says it is. Nothing of it has been checked."""

    text: bytes
    signature: str
    """In hex, as the successor or S3's metadata states it."""
    region: str
    fingerprint: str
    """Of the public key that belongs to the private one that signed."""


def signature_verdict(signed: Signed, keys: Mapping[str, str]) -> str:
    """Return whether the signature is one of `keys`: base64 of DER, by fingerprint."""
    key = keys.get(signed.fingerprint)
    if key is None:
        return (
            f"INVALID: public key not found in region {signed.region} "
            f"for fingerprint {signed.fingerprint}"
        )
    public_key = _loaded(key)
    if public_key is None:
        return f"INVALID: Unable to load PKCS #1 key with fingerprint {signed.fingerprint}"
    try:
        public_key.verify(bytes.fromhex(signed.signature), signed.text, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return SIGNATURE_FAILED
    return VALID


@dataclass(frozen=True)
class Whereabouts:
    """Where a digest lies, and so where in this archive the objects lie that it names."""

    root: str
    """The archive's store: `s3://bucket/` or `/path/`."""
    key: str
    """The digest's own key below the root."""
    digest: Digest

    @property
    def moved(self) -> bool:
        """Whether it lies elsewhere than where CloudTrail put it.

        A local copy may lie anywhere, but its folders from AWSLogs on must be the same.
        """
        original = self.digest.digest_s3_object
        if self.root.startswith("s3://"):
            return (self.root, self.key) != (f"s3://{self.digest.digest_s3_bucket}/", original)
        kept = _KEPT_BY_COPIES.search(self.key)
        return kept is None or not f"/{original}".endswith(f"/{kept[1]}")

    def is_here(self, bucket: str) -> bool:
        """Whether objects of `bucket` are looked for in this archive; a copy may hold several."""
        return not self.root.startswith("s3://") or bucket == self.digest.digest_s3_bucket

    def of(self, bucket: str, key: str) -> str:
        """Return where in this archive an object lies that the digest names."""
        if not self.is_here(bucket):
            return f"s3://{bucket}/{key}"
        original, here = self._heads
        return self.root + (here + key[len(original) :] if key.startswith(original) else key)

    @cached_property
    def _heads(self) -> tuple[str, str]:
        """What stands before the folder of the digests, originally and here."""
        folder = f"{Service.DIGESTS}/"
        return self.digest.digest_s3_object.rpartition(folder)[0], self.key.rpartition(folder)[0]


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@cache
def _loaded(key: str) -> RSAPublicKey | None:
    """Return a key of either DER form, PKCS#1 or SubjectPublicKeyInfo; None where it is none."""
    try:
        loaded = load_der_public_key(base64.b64decode(key))
    except ValueError:
        return None
    return loaded if isinstance(loaded, RSAPublicKey) else None


@cache
def _decoder() -> msgspec.json.Decoder[Digest]:
    return msgspec.json.Decoder(Digest)
