"""What a digest says and what is signed of it, without a store."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from analyzer.digests import (
    SIGNATURE_FAILED,
    VALID,
    Digest,
    InvalidFormat,
    Signed,
    Whereabouts,
    read_digest,
    sha256_of_log,
    signature_verdict,
    string_to_sign,
)
from tests.trail import BUCKET, Trail, fingerprint, public_key

if TYPE_CHECKING:
    from tests.conftest import Json

KEYS = {fingerprint(): public_key()}
AWS_FOLDER = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2023/01/05/"
NAME = "111122223333_CloudTrail-Digest_us-east-1_audit_us-east-1_20230105T101247Z.json.gz"
LOG = "AWSLogs/111122223333/CloudTrail/us-east-1/2023/01/05/x.json.gz"


@pytest.fixture
def trail() -> Trail:
    return Trail().hours(2)


def signed(trail: Trail, key: str) -> Signed:
    """Return what is signed of a digest, by our own code, with the signature of the trail."""
    digest, sha256 = read_digest(trail.objects[key])
    text = string_to_sign(
        digest.digest_end_time,
        digest.digest_s3_bucket,
        digest.digest_s3_object,
        sha256,
        digest.previous_digest_signature,
    )
    return Signed(text, trail.signatures[key], "us-east-1", digest.digest_public_key_fingerprint)


def zipped(words: Json) -> bytes:
    return gzip.compress(json.dumps(words).encode())


# ---------------------------------------------------------------- what is signed


def test_the_string_to_sign_is_the_documented_one() -> None:
    first = string_to_sign("2023-01-05T10:12:47Z", "b", "k.json.gz", "5e", None)
    later = string_to_sign("2023-01-05T10:12:47Z", "b", "k.json.gz", "5e", "ab01")

    assert first == b"2023-01-05T10:12:47Z\nb/k.json.gz\n5e\nnull"
    assert later == b"2023-01-05T10:12:47Z\nb/k.json.gz\n5e\nab01"


# Neither a bucket nor a time has a "/", and no part has a line break.
PART = st.text(st.characters(codec="utf-8", exclude_characters="\n/"), min_size=1)


@given(PART, PART, PART.map(lambda part: f"a/{part}"), PART, PART)
def test_every_part_can_be_read_back_from_the_string_to_sign(
    ended_at: str, bucket: str, key: str, sha256: str, before: str
) -> None:
    text = string_to_sign(ended_at, bucket, key, sha256, before).decode()

    first, place, third, fourth = text.split("\n")
    assert (first, *place.split("/", 1), third, fourth) == (ended_at, bucket, key, sha256, before)


def test_a_signature_of_the_first_and_of_a_later_digest_is_valid(trail: Trail) -> None:
    verdicts = [signature_verdict(signed(trail, key), KEYS) for key in trail.digests]

    assert verdicts == [VALID, VALID]


@pytest.mark.parametrize("form", [PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo])
def test_both_der_forms_of_a_key_are_read(trail: Trail, form: PublicFormat) -> None:
    keys = {fingerprint(): public_key(form=form)}

    assert signature_verdict(signed(trail, trail.digests[0]), keys) == VALID


def test_a_signature_by_another_key_fails(trail: Trail) -> None:
    keys = {fingerprint(): public_key(2)}

    assert signature_verdict(signed(trail, trail.digests[0]), keys) == SIGNATURE_FAILED


@pytest.mark.parametrize("part", ["time", "place", "hash", "signature before"])
def test_a_signature_covers_every_part(trail: Trail, part: str) -> None:
    found = signed(trail, trail.digests[1])
    lines = found.text.split(b"\n")
    position = ["time", "place", "hash", "signature before"].index(part)
    lines[position] = lines[position][:-1] + bytes([lines[position][-1] ^ 1])

    changed = Signed(b"\n".join(lines), found.signature, found.region, found.fingerprint)
    assert signature_verdict(changed, KEYS) == SIGNATURE_FAILED


@pytest.mark.parametrize("signature", ["", "00", "no hex", "00" * 256])
def test_what_is_no_signature_fails(trail: Trail, signature: str) -> None:
    found = signed(trail, trail.digests[0])

    changed = Signed(found.text, signature, found.region, found.fingerprint)
    assert signature_verdict(changed, KEYS) == SIGNATURE_FAILED


def test_a_key_that_is_not_there_is_named_with_its_region(trail: Trail) -> None:
    verdict = signature_verdict(signed(trail, trail.digests[0]), {})

    assert verdict == (
        f"INVALID: public key not found in region us-east-1 for fingerprint {fingerprint()}"
    )


@pytest.mark.parametrize("key", ["", "AAAA", "no base64!", "MCowBQYDK2VwAyEA" + "A" * 43 + "="])
def test_a_key_that_is_no_rsa_key_is_named(trail: Trail, key: str) -> None:
    verdict = signature_verdict(signed(trail, trail.digests[0]), {fingerprint(): key})

    assert verdict == f"INVALID: Unable to load PKCS #1 key with fingerprint {fingerprint()}"


# ---------------------------------------------------------------- what a digest says


def test_a_digest_is_read_with_the_hash_of_its_text(trail: Trail) -> None:
    key = trail.digests[1]

    digest, sha256 = read_digest(trail.objects[key])
    assert sha256 == hashlib.sha256(gzip.decompress(trail.objects[key])).hexdigest()
    assert digest.started_at == datetime(2023, 1, 5, 10, 12, 47, tzinfo=UTC)
    assert digest.ended_at == datetime(2023, 1, 5, 11, 12, 47, tzinfo=UTC)
    assert digest.previous_digest_s3_object == trail.digests[0]
    assert digest.previous_digest_signature == trail.signatures[trail.digests[0]]
    assert [log.s3_object for log in digest.log_files] == trail.logs[2:]


def test_an_idle_hours_digest_lists_nothing() -> None:
    trail = Trail().hours(1, logs=0)

    assert read_digest(trail.objects[trail.digests[0]])[0].log_files == ()


@pytest.mark.parametrize(
    "name",
    [
        "digestPublicKeyFingerprint",
        "digestS3Bucket",
        "digestS3Object",
        "previousDigestSignature",
        "digestEndTime",
        "digestStartTime",
    ],
)
def test_a_digest_without_what_aws_cli_requires_is_of_invalid_format(
    trail: Trail, name: str
) -> None:
    words = trail.says(trail.digests[0])
    del words[name]

    with pytest.raises(InvalidFormat):
        read_digest(zipped(words))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"[]", mtime=0),
        gzip.compress(b"{", mtime=0),
        gzip.compress(b'{"Records": []}', mtime=0),
        b"\x1f\x8b",
    ],
)
def test_what_is_no_digest_is_of_invalid_format(body: bytes) -> None:
    with pytest.raises(InvalidFormat):
        read_digest(body)


def test_a_time_that_is_none_is_of_invalid_format(trail: Trail) -> None:
    words = trail.says(trail.digests[0]) | {"digestEndTime": "yesterday"}

    with pytest.raises(InvalidFormat):
        read_digest(zipped(words))


def test_a_digest_that_grows_too_large_is_of_invalid_format(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.digests.LARGEST_DIGEST", 100)

    with pytest.raises(InvalidFormat):
        read_digest(trail.objects[trail.digests[0]])


# ---------------------------------------------------------------- gzip


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 3_000_000])
def test_the_hash_of_a_log_is_that_of_its_text(size: int) -> None:
    text = bytes(range(256)) * (size // 256 + 1)

    assert sha256_of_log(gzip.compress(text[:size])) == hashlib.sha256(text[:size]).hexdigest()


@pytest.mark.parametrize(
    "after", [b"\n", b"\0" * 512, gzip.compress(b"", mtime=0), gzip.compress(b"x", mtime=0)]
)
def test_nothing_may_follow_the_gzip_member(after: bytes) -> None:
    with pytest.raises(InvalidFormat):
        sha256_of_log(gzip.compress(b"text") + after)


@pytest.mark.parametrize("kept", [0, 5, 12, -9, -1])
def test_a_truncated_log_is_of_invalid_format(kept: int) -> None:
    body = gzip.compress(b"some text that compresses to a few bytes")

    with pytest.raises(InvalidFormat):
        sha256_of_log(body[:kept])


def test_a_wrong_checksum_is_of_invalid_format() -> None:
    body = bytearray(gzip.compress(b"text"))
    body[-6] ^= 1

    with pytest.raises(InvalidFormat):
        sha256_of_log(bytes(body))


# ---------------------------------------------------------------- where it lies


def digest_at(key: str, bucket: str = BUCKET) -> Digest:
    return Digest(
        digest_start_time="",
        digest_end_time="",
        digest_s3_bucket=bucket,
        digest_s3_object=key,
        digest_public_key_fingerprint="",
        previous_digest_signature=None,
    )


@pytest.mark.parametrize(
    ("root", "key", "moved"),
    [
        (f"s3://{BUCKET}/", f"org/{AWS_FOLDER}{NAME}", False),
        ("s3://another-bucket/", f"org/{AWS_FOLDER}{NAME}", True),
        (f"s3://{BUCKET}/", f"{AWS_FOLDER}{NAME}", True),
        ("/copy/", f"org/{AWS_FOLDER}{NAME}", False),
        ("/copy/", f"{AWS_FOLDER}{NAME}", False),
        ("/copy/", f"{BUCKET}/org/{AWS_FOLDER}{NAME}", False),
        ("/copy/", f"elsewhere/{AWS_FOLDER}{NAME}", False),
        ("/copy/", f"{AWS_FOLDER.removeprefix('AWSLogs/')}{NAME}", False),
        ("/copy/", f"{AWS_FOLDER.removeprefix('AWSLogs/111122223333/')}{NAME}", False),
        ("/copy/", f"{AWS_FOLDER.replace('01/05', '01/06')}{NAME}", True),
        ("/copy/", f"{AWS_FOLDER.replace('111122223333', '444455556666')}{NAME}", True),
        ("/copy/", f"AWSLogs/o-exampleorg1/{AWS_FOLDER.removeprefix('AWSLogs/')}{NAME}", True),
        ("/copy/", f"{AWS_FOLDER}{NAME.replace('T10', 'T11')}", True),
        ("/copy/", NAME, True),
    ],
)
def test_a_digest_is_moved_when_its_folders_are_not_those_it_names(
    root: str, key: str, *, moved: bool
) -> None:
    assert Whereabouts(root, key, digest_at(f"org/{AWS_FOLDER}{NAME}")).moved is moved


@pytest.mark.parametrize(
    ("root", "head"),
    [
        (f"s3://{BUCKET}/", "org/AWSLogs/111122223333/"),
        ("/copy/", "org/AWSLogs/111122223333/"),
        ("/copy/", "AWSLogs/111122223333/"),
        ("/copy/", f"{BUCKET}/org/AWSLogs/111122223333/"),
        ("/copy/", "111122223333/"),
        ("/copy/", ""),
    ],
)
def test_what_a_digest_names_is_looked_for_beside_it(root: str, head: str) -> None:
    key = f"{head}CloudTrail-Digest/us-east-1/2023/01/05/{NAME}"
    here = Whereabouts(root, key, digest_at(f"org/{AWS_FOLDER}{NAME}"))

    log = f"{head}CloudTrail/us-east-1/2023/01/05/x.json.gz"
    assert here.of(BUCKET, f"org/{LOG}") == f"{root}{log}"
    assert here.of(BUCKET, f"org/{AWS_FOLDER}{NAME}") == f"{root}{key}"


def test_what_lies_in_another_bucket_is_named_in_full_on_s3_and_beside_it_in_a_copy() -> None:
    key = f"{AWS_FOLDER}{NAME}"

    on_s3 = Whereabouts(f"s3://{BUCKET}/", key, digest_at(key))
    copied = Whereabouts("/copy/", key, digest_at(key))
    assert on_s3.of("old-bucket", LOG) == f"s3://old-bucket/{LOG}"
    assert copied.of("old-bucket", LOG) == f"/copy/{LOG}"
    assert (on_s3.is_here("old-bucket"), copied.is_here("old-bucket")) == (False, True)
