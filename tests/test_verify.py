"""An archive is held against its digests: what is changed, missing, unlisted or moved is named."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import PublicFormat

from analyzer import manifest
from analyzer.errors import ExitCode, LakeError, NothingVerified, UsageError
from analyzer.lake import Narrowing, open_lake
from analyzer.listing import Scope
from analyzer.local_lake import LocalLakeFiles
from analyzer.progress import SilentStages
from analyzer.queries import report_sql
from analyzer.render import Format
from analyzer.source import parse_source
from analyzer.store import S3Access
from analyzer.verified import sentences, write_verified
from analyzer.verify import VerifySettings, verified
from tests.conftest import NOW, asked, ingest_and_check, log_bytes, record
from tests.trail import START, Trail, fingerprint, key_file

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.verified import Totals
    from tests.conftest import Rows

MOVED = "INVALID: has been moved from its original location"
CHANGED = "INVALID: hash value doesn't match"
NOT_FOUND = "INVALID: not found"
FAILED = "INVALID: signature verification failed"
FORMAT = "INVALID: invalid format"
UNLISTED = "unlisted: in no digest"
UNPROVEN = "unproven: its digest is not valid"


@dataclass(frozen=True)
class Outcome:
    """What a verification said."""

    code: ExitCode
    totals: Totals
    everything: Rows
    text: str
    sentences: list[str]

    def verdicts(self, kind: str) -> dict[str, str]:
        """Return the verdict by the object's name, without its folders."""
        return {
            row["key"].rpartition("/")[2]: row["verdict"]
            for row in self.everything
            if row["kind"] == kind
        }

    def wrong(self) -> set[tuple[str, str]]:
        """Return what is not valid: its name and its verdict."""
        return {
            (row["key"].rpartition("/")[2], row["verdict"])
            for row in self.everything
            if row["verdict"] != "valid"
        }

    def proofs(self) -> tuple[int, int, int]:
        """Return how many digests are proven by signature, by hash, by nothing."""
        totals = self.totals
        return totals.digests_signed, totals.digests_hashed, totals.digests_without_proof


def verify(
    source: Path,
    keys: Path | None = None,
    *,
    lake: Path | None = None,
    scope: Scope = Scope(late_days=0),  # noqa: B008 (frozen)
    workers: int = 1,
) -> Outcome:
    settings = VerifySettings(
        source=parse_source(str(source), S3Access()),
        lake=lake or source.parent / "no-lake",
        scope=scope,
        workers=workers,
        keys=keys,
    )
    text = io.BytesIO()
    with verified(settings, SilentStages(), lambda: NOW) as found:
        write_verified(found, Format.TABLE, text, 4_000, everything=False)
        with found.findings(everything=True) as reader:
            everything = reader.read_all().to_pylist()
        said = list(sentences(found))
        return Outcome(found.exit_code, found.totals, everything, text.getvalue().decode(), said)


def names(keys: list[str]) -> list[str]:
    return [key.rpartition("/")[2] for key in keys]


@pytest.fixture
def trail() -> Trail:
    """Four hours of two log files each."""
    return Trail().hours(4)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return key_file(tmp_path / "keys.json", 1)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Where a local copy is to be."""
    return tmp_path / "copy"


# ---------------------------------------------------------------- valid


def test_an_archive_as_it_was_delivered_is_valid(trail: Trail, copy: Path, keys: Path) -> None:
    outcome = verify(trail.write(copy), keys)

    assert outcome.code is ExitCode.DONE
    assert outcome.wrong() == set()
    assert set(outcome.verdicts("digest")) == set(names(trail.digests))
    assert set(outcome.verdicts("log")) == set(names(trail.logs))
    assert (outcome.totals.digests, outcome.totals.log_files, outcome.totals.chains) == (4, 8, 1)
    assert outcome.sentences[0] == "Valid: 4 digests and 8 log files listed in them."


@pytest.mark.parametrize("form", [PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo])
def test_signatures_are_checked_with_keys_of_either_form(
    trail: Trail, copy: Path, tmp_path: Path, form: PublicFormat
) -> None:
    outcome = verify(trail.write(copy), key_file(tmp_path / "keys.json", 2, 1, form=form))

    assert (outcome.code, outcome.proofs()) == (ExitCode.DONE, (3, 0, 1))


def test_the_newest_digest_of_a_copy_is_said_not_to_be_signature_checked(
    trail: Trail, copy: Path, keys: Path
) -> None:
    outcome = verify(trail.write(copy), keys)

    assert outcome.totals.log_files_without_proof == 2
    assert any(
        said.startswith("1 digest not signature-checked")
        and said.endswith("Listed in it: 2 log files.")
        for said in outcome.sentences
    )


def test_without_keys_only_hashes_are_checked_and_it_says_so_first(
    trail: Trail, copy: Path
) -> None:
    outcome = verify(trail.write(copy))

    assert (outcome.code, outcome.proofs()) == (ExitCode.DONE, (0, 3, 1))
    assert outcome.text.startswith("Hashes only: without public keys no signature was checked")


def test_a_copy_may_begin_at_any_depth(trail: Trail, tmp_path: Path, keys: Path) -> None:
    trail.write(tmp_path / "bucket")
    inside = tmp_path / "bucket" / "AWSLogs" / trail.account
    shutil.copytree(inside, tmp_path / "of-the-account")
    shutil.copytree(inside.parent.parent, tmp_path / "deeper" / "backup" / "bucket")

    for source in (inside, tmp_path / "of-the-account", tmp_path / "deeper"):
        outcome = verify(source, keys)
        assert (outcome.code, outcome.totals.log_files) == (ExitCode.DONE, 8)


def test_every_chain_of_an_archive_is_verified(copy: Path, keys: Path) -> None:
    trails = [
        Trail().hours(3),
        Trail(region="eu-west-1").hours(2),
        Trail(account="444455556666").hours(2),
        Trail(name="my_other-trail.2").hours(2),
        Trail(name="organization", prefix="org/AWSLogs/o-exampleorg1/").hours(1),
    ]
    for each in trails:
        each.write(copy)

    outcome = verify(copy, keys)
    assert outcome.wrong() == set()
    assert (outcome.totals.chains, outcome.totals.digests) == (5, 10)


def test_two_worker_processes_find_the_same(
    trail: Trail, copy: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail.objects[trail.logs[3]] = log_bytes([record("changed")])
    trail.write(copy)
    alone = verify(copy, keys)
    for name in ("DIGESTS_AT_ONCE", "LOGS_AT_ONCE", "SIGNATURES_AT_ONCE"):
        monkeypatch.setattr(f"analyzer.verify.{name}", 2)

    assert verify(copy, keys, workers=2).everything == alone.everything


def test_the_fixture_archive_is_valid_by_its_hashes(archive: Path, tmp_path: Path) -> None:
    outcome = verify(archive, lake=tmp_path / "no-lake")

    assert (outcome.code, outcome.totals.digests, outcome.totals.log_files) == (ExitCode.DONE, 2, 2)


# ---------------------------------------------------------------- log files


@pytest.mark.parametrize("with_keys", [True, False])
def test_a_changed_log_file_is_named(
    trail: Trail, copy: Path, keys: Path, *, with_keys: bool
) -> None:
    text = bytearray(gzip.decompress(trail.objects[trail.logs[3]]))
    text[-3] ^= 1
    trail.objects[trail.logs[3]] = gzip.compress(bytes(text))

    outcome = verify(trail.write(copy), keys if with_keys else None)
    assert outcome.code is ExitCode.INCOMPLETE
    assert outcome.wrong() == {(names(trail.logs)[3], CHANGED)}
    assert "INVALID: 1 of 8 listed log files." in outcome.sentences
    assert names(trail.logs)[3] in outcome.text


def test_a_log_file_that_was_only_compressed_anew_is_valid(
    trail: Trail, copy: Path, keys: Path
) -> None:
    text = gzip.decompress(trail.objects[trail.logs[0]])
    trail.objects[trail.logs[0]] = gzip.compress(text, compresslevel=1, mtime=1)

    assert verify(trail.write(copy), keys).code is ExitCode.DONE


def test_a_deleted_log_file_is_named(trail: Trail, copy: Path, keys: Path) -> None:
    del trail.objects[trail.logs[3]]

    outcome = verify(trail.write(copy), keys)
    assert outcome.code is ExitCode.INCOMPLETE
    assert outcome.wrong() == {(names(trail.logs)[3], NOT_FOUND)}


@pytest.mark.parametrize("damage", ["after it", "before its end", "not gzip", "nothing"])
def test_a_log_file_that_is_not_one_gzip_member_is_of_invalid_format(
    trail: Trail, copy: Path, keys: Path, damage: str
) -> None:
    body = trail.objects[trail.logs[3]]
    trail.objects[trail.logs[3]] = {
        "after it": body + b"\n",
        "before its end": body[:-1],
        "not gzip": gzip.decompress(body),
        "nothing": b"",
    }[damage]

    outcome = verify(trail.write(copy), keys)
    assert outcome.wrong() == {(names(trail.logs)[3], FORMAT)}


def test_a_log_file_in_no_digest_is_named(trail: Trail, copy: Path, keys: Path) -> None:
    trail.log(START + timedelta(minutes=33), "slippedin")
    trail.log(START - timedelta(minutes=2), "before")
    trail.log(START + timedelta(hours=4), "after")

    outcome = verify(trail.write(copy), keys)
    assert outcome.code is ExitCode.INCOMPLETE
    assert outcome.wrong() == {(names(trail.logs)[-3], UNLISTED)}
    assert outcome.totals.log_files_unlisted == 1


@pytest.mark.parametrize("name", ["copied.json.gz", "111122223333_CloudTrail_us-east-1_x.json"])
def test_an_object_that_is_not_named_as_a_log_is_in_no_digest_of_its_day(
    trail: Trail, copy: Path, keys: Path, name: str
) -> None:
    folder = trail.logs[0].rpartition("/")[0]
    trail.objects[f"{folder}/{name}"] = log_bytes([record("slipped in")])
    trail.objects[f"{folder.replace('01/05', '01/04')}/{name}"] = log_bytes([record("before")])

    outcome = verify(trail.write(copy), keys)
    assert outcome.wrong() == {(name, UNLISTED)}
    assert outcome.totals.log_files_unlisted == 1


def test_a_trail_without_validation_beside_one_with_it_is_not_held_against_it(
    trail: Trail, copy: Path, keys: Path
) -> None:
    other = Trail(prefix="without-validation/").hours(2)
    for key in other.digests:
        del other.objects[key]
    other.write(copy)

    assert verify(trail.write(copy), keys).code is ExitCode.DONE


# ---------------------------------------------------------------- digests


def test_a_digest_with_one_byte_changed_is_named_and_its_log_files_are_unproven(
    trail: Trail, copy: Path, keys: Path
) -> None:
    text = gzip.decompress(trail.objects[trail.digests[1]])
    changed = text.replace(b'"newestEventTime": null', b'"newestEventTime": true', 1)
    trail.objects[trail.digests[1]] = gzip.compress(changed)
    trail.write(copy)

    digest, logs = names(trail.digests)[1], names(trail.logs)[2:4]
    hanging = {(log, UNPROVEN) for log in logs}
    assert verify(copy, keys).wrong() == {(digest, FAILED), *hanging}
    assert verify(copy).wrong() == {(digest, CHANGED), *hanging}
    assert verify(copy, keys).code is ExitCode.INCOMPLETE


def test_a_digest_made_anew_to_fit_changed_log_files_does_not_pass(
    trail: Trail, copy: Path, keys: Path
) -> None:
    forged = Trail(key=2, says_key=1).hours(4)
    forged.objects[forged.logs[0]] = trail.objects[trail.logs[0]]

    outcome = verify(forged.write(copy), keys)
    assert outcome.code is ExitCode.INCOMPLETE
    assert list(outcome.verdicts("digest").values()) == [FAILED, FAILED, FAILED, "valid"]
    assert verify(copy).code is ExitCode.DONE, "which is why hashes alone prove little"


def test_a_foreign_key_is_not_found_by_its_fingerprint(copy: Path, keys: Path) -> None:
    Trail(key=2).hours(2).write(copy)

    outcome = verify(copy, keys)
    unknown = f"INVALID: public key not found in region us-east-1 for fingerprint {fingerprint(2)}"
    assert list(outcome.verdicts("digest").values()) == [unknown, "valid"]
    assert outcome.code is ExitCode.INCOMPLETE


def test_a_file_without_keys_makes_no_signature_valid(
    trail: Trail, copy: Path, tmp_path: Path
) -> None:
    outcome = verify(trail.write(copy), key_file(tmp_path / "none.json"))

    assert outcome.totals.digests_not_valid == 3
    assert not outcome.text.startswith("Hashes only")


def test_a_deleted_digest_is_named_and_so_are_its_log_files(
    trail: Trail, copy: Path, keys: Path
) -> None:
    del trail.objects[trail.digests[1]]

    outcome = verify(trail.write(copy), keys)
    assert outcome.code is ExitCode.INCOMPLETE
    assert outcome.wrong() == {
        (names(trail.digests)[1], NOT_FOUND),
        *((log, UNLISTED) for log in names(trail.logs)[2:4]),
    }
    assert outcome.proofs() == (1, 0, 2), "nothing states the signature of the one before it"


def test_a_digest_that_is_no_digest_is_of_invalid_format(
    trail: Trail, copy: Path, keys: Path
) -> None:
    trail.objects[trail.digests[1]] += b"\n"

    outcome = verify(trail.write(copy), keys)
    assert outcome.wrong() == {
        (names(trail.digests)[1], FORMAT),
        *((log, UNLISTED) for log in names(trail.logs)[2:4]),
    }


def test_two_swapped_digests_have_both_been_moved(trail: Trail, copy: Path, keys: Path) -> None:
    one, other = trail.digests[1:3]
    swapped = {one: trail.objects[other], other: trail.objects[one]}
    trail.objects |= swapped

    outcome = verify(trail.write(copy), keys)
    assert {pair for pair in outcome.wrong() if "Digest" in pair[0]} == {
        (name, MOVED) for name in names([one, other])
    }


def test_a_digest_in_another_days_folder_has_been_moved(
    trail: Trail, copy: Path, keys: Path
) -> None:
    key = trail.digests[3]
    trail.objects[key.replace("2023/01/05", "2023/01/06")] = trail.objects.pop(key)

    outcome = verify(trail.write(copy), keys)
    assert outcome.verdicts("digest")[names([key])[0]] == MOVED
    assert outcome.code is ExitCode.INCOMPLETE


def test_a_chain_that_begins_anew_leaves_a_gap(trail: Trail, copy: Path, keys: Path) -> None:
    trail.begin_anew(after=timedelta(hours=5))
    trail.hours(2)

    outcome = verify(trail.write(copy), keys)
    first = names(trail.digests)[4]
    gap = "gap: the chain begins anew; its last digest ended at 2023-01-05T13:12:47Z"
    assert outcome.wrong() == {(first, gap)}
    assert (outcome.code, outcome.totals.gaps) == (ExitCode.INCOMPLETE, 1)
    assert outcome.proofs() == (4, 0, 2)


def test_a_log_file_delivered_in_a_gap_is_in_no_digest(
    trail: Trail, copy: Path, keys: Path
) -> None:
    trail.begin_anew(after=timedelta(hours=5))
    trail.hours(1)
    trail.log(START + timedelta(hours=6), "inthegap")

    outcome = verify(trail.write(copy), keys)
    assert (names(trail.logs)[-1], UNLISTED) in outcome.wrong()


def test_hours_that_a_linked_chain_leaves_out_are_a_gap(
    trail: Trail, copy: Path, keys: Path
) -> None:
    trail.ended_at += timedelta(hours=3)
    trail.hour()

    outcome = verify(trail.write(copy), keys)
    gap = "gap: no digest; the last one ended at 2023-01-05T13:12:47Z"
    assert outcome.wrong() == {(names(trail.digests)[4], gap)}


def test_a_digest_that_the_chain_passes_over_is_a_gap(trail: Trail, copy: Path, keys: Path) -> None:
    before = trail.previous
    passed_over = trail.hour()
    trail.previous = before
    newest = trail.hour()

    outcome = verify(trail.write(copy), keys)
    ended = trail.says(passed_over)["digestEndTime"]
    gap = f"gap: the chain passes over a digest; that one ended at {ended}"
    assert outcome.wrong() == {(names([newest])[0], gap)}


def test_backfilled_digests_are_a_chain_by_themselves(trail: Trail, copy: Path, keys: Path) -> None:
    earlier = Trail(backfill=True, ended_at=START - timedelta(hours=48)).hours(3)
    earlier.write(copy)
    trail.write(copy)

    outcome = verify(copy, keys)
    assert outcome.wrong() == set()
    assert (outcome.totals.chains, outcome.proofs()) == (2, (5, 0, 2))

    (copy / earlier.digests[1]).unlink()
    assert (names(earlier.digests)[1], NOT_FOUND) in verify(copy, keys).wrong()


# ---------------------------------------------------------------- a part of it


def test_since_and_until_verify_the_log_files_that_were_delivered_then(
    trail: Trail, copy: Path, keys: Path
) -> None:
    for position in (0, 7):
        trail.objects[trail.logs[position]] = log_bytes([record("changed")])
    trail.write(copy)
    scope = Scope(
        since=START + timedelta(hours=1), until=START + timedelta(hours=2, minutes=12), late_days=0
    )

    outcome = verify(copy, keys, scope=scope)
    assert outcome.code is ExitCode.DONE
    assert list(outcome.verdicts("log")) == names(trail.logs)[2:5]
    assert outcome.totals.digests_signed >= 2, "the digests after it state the signatures"


def test_a_digest_before_since_is_nobodys_question(trail: Trail, copy: Path, keys: Path) -> None:
    del trail.objects[trail.digests[0]]
    trail.write(copy)

    later = Scope(since=START + timedelta(hours=1), late_days=0)
    assert verify(copy, keys).code is ExitCode.INCOMPLETE
    assert verify(copy, keys, scope=later).code is ExitCode.DONE


def test_accounts_and_regions_narrow_down_what_is_verified(copy: Path, keys: Path) -> None:
    Trail().hours(2).write(copy)
    wrong = Trail(account="444455556666", region="eu-west-1").hours(2)
    wrong.objects[wrong.logs[0]] = b""
    wrong.write(copy)

    for scope, code in (
        (Scope(accounts=("111122223333",), late_days=0), ExitCode.DONE),
        (Scope(regions=("us-east-1",), late_days=0), ExitCode.DONE),
        (Scope(regions=("eu-west-1",), late_days=0), ExitCode.INCOMPLETE),
    ):
        outcome = verify(copy, keys, scope=scope)
        assert (outcome.code, outcome.totals.digests) == (code, 2)


def test_an_archive_without_digests_does_not_pass_for_valid(trail: Trail, copy: Path) -> None:
    for key in trail.digests:
        del trail.objects[key]

    with pytest.raises(NothingVerified, match="no digests under") as raised:
        verify(trail.write(copy))
    assert raised.value.exit_code is ExitCode.INCOMPLETE


def test_a_folder_that_is_no_archive_is_refused(copy: Path) -> None:
    copy.mkdir()

    with pytest.raises(UsageError, match="no CloudTrail digests or log files"):
        verify(copy)


# ---------------------------------------------------------------- with a lake


@pytest.fixture
def lake(trail: Trail, copy: Path, tmp_path: Path) -> Path:
    """A lake that has read all of the trail."""
    ingest_and_check(tmp_path / "lake", trail.write(copy))
    return tmp_path / "lake"


def test_what_the_lake_has_read_is_not_read_again(
    trail: Trail, copy: Path, keys: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail.write(copy)  # other times, so other ETags
    read_again = verify(copy, keys, lake=lake).totals
    ingest_and_check(lake, copy)
    monkeypatch.setattr(
        "analyzer.digest_reading.sha256_of_log", lambda _: pytest.fail("it was read")
    )

    outcome = verify(copy, keys, lake=lake)
    assert (read_again.hashes_from_ledger, read_again.hashes_read) == (0, 8)
    assert (outcome.totals.hashes_from_ledger, outcome.totals.hashes_read) == (8, 0)
    assert outcome.code is ExitCode.DONE
    assert "Hashes: 8 taken from the lake's ledger, 0 log files read." in outcome.sentences


def test_a_log_file_that_was_changed_before_the_ingest_is_found_by_its_hash_in_the_ledger(
    trail: Trail, copy: Path, keys: Path, tmp_path: Path
) -> None:
    trail.objects[trail.logs[3]] = log_bytes([record("changed")])
    ingest_and_check(tmp_path / "lake", trail.write(copy))

    outcome = verify(copy, keys, lake=tmp_path / "lake")
    assert outcome.totals.hashes_read == 0
    assert outcome.wrong() == {(names(trail.logs)[3], CHANGED)}


def test_a_log_file_that_was_changed_after_the_ingest_is_read_again(
    trail: Trail, copy: Path, keys: Path, lake: Path
) -> None:
    (copy / trail.logs[3]).write_bytes(log_bytes([record("changed")]))

    outcome = verify(copy, keys, lake=lake)
    assert (outcome.totals.hashes_from_ledger, outcome.totals.hashes_read) == (7, 1)
    assert outcome.wrong() == {(names(trail.logs)[3], CHANGED)}


def test_the_lake_learns_what_the_digests_say(
    trail: Trail, copy: Path, keys: Path, lake: Path
) -> None:
    assert asked(lake, "FROM digests") == asked(lake, "FROM digest_logs") == []
    (copy / trail.logs[3]).unlink()
    (copy / trail.digests[1]).unlink()

    verify(copy, keys, lake=lake)
    digests = asked(lake, "FROM digests ORDER BY digest_end")
    logs = asked(lake, "FROM digest_logs ORDER BY key")
    assert [row["verdict"] for row in digests] == ["valid", NOT_FOUND, "valid", "valid"]
    assert [row["proof"] for row in digests] == ["none", "none", "signature", "none"]
    assert [row["log_files"] for row in digests] == [2, None, 2, 2]
    assert digests[0] | {"digest_key": ""} == {
        "account_id": "111122223333",
        "region": "us-east-1",
        "trail": "audit",
        "home_region": "us-east-1",
        "backfill": False,
        "digest_start": datetime(2023, 1, 5, 9, 12, 47),  # noqa: DTZ001 (UTC, as all of the lake)
        "digest_end": datetime(2023, 1, 5, 10, 12, 47),  # noqa: DTZ001
        "digest_key": "",
        "verdict": "valid",
        "proof": "none",
        "log_files": 2,
    }
    assert {row["digest_key"] for row in digests} == {str(copy / key) for key in trail.digests}
    listed = [str(copy / key) for key in (*trail.logs[:2], *trail.logs[4:])]
    assert [row["key"] for row in logs] == listed
    assert all(len(row["sha256"]) == 64 for row in logs)


def test_verifying_again_takes_the_place_of_what_the_lake_knew(
    trail: Trail, copy: Path, keys: Path, lake: Path
) -> None:
    verify(copy, keys, lake=lake)
    before = asked(lake, "SELECT * FROM digest_logs ORDER BY ALL")
    (copy / trail.logs[3]).unlink()

    verify(copy, keys, lake=lake)
    after = asked(lake, "SELECT * FROM digest_logs ORDER BY ALL")
    assert len(before) == len(after) == 8
    assert [row["verdict"] for row in after if row not in before] == [NOT_FOUND]
    assert len(asked(lake, "FROM digests")) == 4
    assert len(list((lake / "digests").iterdir())) == 1
    assert len(list((lake / "digest_logs").iterdir())) == 1


def test_verifying_a_part_leaves_the_rest_as_the_lake_knew_it(
    trail: Trail, copy: Path, keys: Path, lake: Path
) -> None:
    Trail(region="eu-west-1").hours(2).write(copy)
    verify(copy, keys, lake=lake)
    shutil.rmtree(copy / "AWSLogs" / trail.account / "CloudTrail" / "eu-west-1")
    (copy / trail.logs[0]).unlink()
    (copy / trail.logs[7]).unlink()

    later = Scope(regions=("us-east-1",), since=START + timedelta(hours=1), late_days=0)
    verify(copy, keys, lake=lake, scope=later)
    rows = asked(lake, "FROM digest_logs")
    verdicts = {row["key"].rpartition("/")[2]: row["verdict"] for row in rows}
    assert Counter(verdicts.values()) == {"valid": 11, NOT_FOUND: 1}
    assert verdicts[names(trail.logs)[7]] == NOT_FOUND
    assert len(rows) == 12
    assert len(asked(lake, "FROM digests")) == 6


def test_a_narrowed_lake_shows_the_digests_in_question(
    trail: Trail, copy: Path, keys: Path, lake: Path
) -> None:
    verify(trail.write(copy), keys, lake=lake)
    two_hours = Narrowing(
        since=START.replace(hour=10, minute=20), until=START.replace(hour=11, minute=20)
    )

    assert len(asked(lake, "FROM digests", two_hours)) == 2
    assert len(asked(lake, "FROM digest_logs", two_hours)) == 2
    for nothing in (Narrowing(accounts=("999999999999",)), Narrowing(regions=("eu-west-9",))):
        assert (
            asked(lake, "FROM digests", nothing) == asked(lake, "FROM digest_logs", nothing) == []
        )


def test_a_manifest_from_before_digests_still_reads(lake: Path) -> None:
    newest = max((lake / "commits").iterdir())
    words = json.loads(newest.read_bytes())
    del words["digests"], words["digest_logs"]
    newest.write_text(json.dumps(words))

    assert asked(lake, "FROM digests") == []
    assert manifest.newest(LocalLakeFiles(lake)).digests == ()


def test_an_ingest_keeps_what_the_digests_said(
    trail: Trail, copy: Path, keys: Path, lake: Path
) -> None:
    verify(copy, keys, lake=lake)
    trail.hour()
    ingest_and_check(lake, trail.write(copy))

    assert len(asked(lake, "FROM digests")) == 4


def test_what_an_interrupted_verification_left_is_removed(
    copy: Path, keys: Path, lake: Path
) -> None:
    verify(copy, keys, lake=lake)
    for folder in ("digests", "digest_logs"):
        (lake / folder / "part-0000000000000000.parquet").write_bytes(b"x")

    verify(copy, keys, lake=lake)
    assert len(list((lake / "digests").iterdir())) == 1
    assert len(list((lake / "digest_logs").iterdir())) == 1


def test_a_lake_that_somebody_writes_to_refuses_at_once(copy: Path, keys: Path, lake: Path) -> None:
    with (
        manifest.exclusive(LocalLakeFiles(lake)),
        pytest.raises(LakeError, match="another tlstrail is writing"),
    ):
        verify(copy, keys, lake=lake)


def test_without_a_lake_none_is_made(trail: Trail, copy: Path, tmp_path: Path) -> None:
    verify(trail.write(copy), lake=tmp_path / "lake")

    assert not (tmp_path / "lake").exists()


def test_undelivered_log_files_are_those_that_the_lake_has_not_read(
    trail: Trail, copy: Path, keys: Path, lake: Path
) -> None:
    trail.hour()
    evening = datetime(2023, 1, 5, 22, 55, tzinfo=UTC)
    other = Trail(region="eu-west-1", ended_at=evening, empty=True).hours(2)
    other.write(copy)
    trail.write(copy)
    (copy / trail.logs[8]).unlink()
    verify(copy, keys, lake=lake)

    with open_lake(lake, Narrowing()) as opened:
        rows = [
            tuple(map(str, row.values()))
            for row in opened.table(report_sql("undelivered")).to_pylist()
        ]
    assert rows == [
        ("111122223333", "eu-west-1", "2023-01-05", "2", "0", str(copy / other.logs[0])),
        ("111122223333", "eu-west-1", "2023-01-06", "2", "0", str(copy / other.logs[2])),
        ("111122223333", "us-east-1", "2023-01-05", "2", "1", str(copy / trail.logs[8])),
    ]

    ingest_and_check(lake, copy)
    verify(copy, keys, lake=lake)
    with open_lake(lake, Narrowing()) as opened:
        [left] = opened.table(report_sql("undelivered")).to_pylist()
    assert (left["log_files"], left["not_found"]) == (1, 1)


# ---------------------------------------------------------------- how it is written


def written(source: Path, form: Format, *, everything: bool = False) -> str:
    settings = VerifySettings(
        parse_source(str(source), S3Access()), source.parent / "none", Scope(late_days=0), 1
    )
    out = io.BytesIO()
    with verified(settings, SilentStages(), lambda: NOW) as found:
        write_verified(found, form, out, 200, everything=everything)
    return out.getvalue().decode()


@pytest.fixture
def damaged(trail: Trail, copy: Path) -> Path:
    """A copy in which one log file is missing."""
    del trail.objects[trail.logs[3]]
    return trail.write(copy)


def test_json_has_the_verdict_first_and_all_findings_last(damaged: Path) -> None:
    content = json.loads(written(damaged, Format.JSON))

    assert next(iter(content.items())) == ("verdict", "INVALID")
    assert content["signatures_checked"] is False
    assert (content["digests"], content["log_files"], content["log_files_not_valid"]) == (4, 8, 1)
    assert content["covered_from"] == "2023-01-05T09:12:47Z"
    assert len(content["findings"]) == 12
    assert list(content)[-1] == "findings"


@pytest.mark.parametrize("form", [Format.CSV, Format.NDJSON])
def test_a_format_of_one_table_has_what_is_not_valid_or_all(damaged: Path, form: Format) -> None:
    header = 1 if form is Format.CSV else 0

    assert len(written(damaged, form).splitlines()) == header + 1
    assert len(written(damaged, form, everything=True).splitlines()) == header + 12


@pytest.mark.parametrize("form", [Format.TABLE, Format.MD])
def test_text_has_the_summary_first_and_then_what_is_not_valid(damaged: Path, form: Format) -> None:
    text = written(damaged, form)

    order = [
        text.index(word) for word in ("Hashes only", "INVALID: 1 of 8", "Files by", "Not valid")
    ]
    assert order == sorted(order)
    assert text.count("INVALID: not found") == 2, "once counted, once named"
    assert "Everything" in written(damaged, form, everything=True)


def test_a_valid_archive_has_no_table_of_what_is_not(trail: Trail, copy: Path) -> None:
    assert "Not valid" not in written(trail.write(copy), Format.TABLE)
