from __future__ import annotations

from datetime import UTC, datetime

import pytest

from analyzer.layout import (
    DigestName,
    Place,
    Service,
    Step,
    describe_folder,
    describe_object,
    digest_name,
    region_prefix_of,
)

DAY_FOLDER = "AWSLogs/111122223333/CloudTrail/eu-west-1/2023/03/15/"
NAME = "111122223333_CloudTrail_eu-west-1_20230315T0730Z_tXZbcvINqaorZQu4.json.gz"
DELIVERED = datetime(2023, 3, 15, 7, 30, tzinfo=UTC)


def test_a_log_objects_key_says_account_region_and_minute_of_delivery() -> None:
    assert describe_object(DAY_FOLDER + NAME) == Place("111122223333", "eu-west-1", DELIVERED)


@pytest.mark.parametrize(
    "name",
    [
        NAME.removesuffix(".gz"),
        "111122223333_CloudTrail_eu-west-1_20230315T0730ZHdkvFTXOA3Vnhbc.json.gz",
        "111122223333_CloudTrail_eu-west-1_20230315T0730Z.json.gz",
    ],
)
def test_the_spellings_that_aws_documents_are_all_read(name: str) -> None:
    assert describe_object(DAY_FOLDER + name) == Place("111122223333", "eu-west-1", DELIVERED)


@pytest.mark.parametrize(
    "region", ["us-gov-west-1", "cn-north-1", "ap-southeast-4", "il-central-1"]
)
def test_every_partitions_region_is_read(region: str) -> None:
    assert describe_object(NAME.replace("eu-west-1", region)).region == region


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "org-trail/",
        "a/very/deep/prefix/",
        "o-fxozgwu6rc/",
        "CloudTrail/",
        "AWSLogs/old/",
        "backup AWSLogs/ü/",
    ],
)
def test_any_prefix_may_stand_before_awslogs(prefix: str) -> None:
    place = describe_object(prefix + DAY_FOLDER + NAME)

    assert place == Place("111122223333", "eu-west-1", DELIVERED)


def test_an_organization_trails_key_has_the_account_behind_the_organization() -> None:
    folder = describe_folder("AWSLogs/o-exampleorg1/012345678901/CloudTrail/us-east-1/")

    assert (folder.step, folder.account_id, folder.region) == (
        Step.LIST,
        "012345678901",
        "us-east-1",
    )


@pytest.mark.parametrize(
    ("service", "name"),
    [
        (
            "CloudTrail-Digest",
            "111122223333_CloudTrail-Digest_us-east-1_audit_us-east-1_20221101T001247Z.json.gz",
        ),
        (
            "CloudTrail-Insight",
            "111122223333_CloudTrail-Insight_us-east-1_20230510T0915Z_noIIVkSGV7Bmk2Kt.json.gz",
        ),
        (
            "CloudTrail-NetworkActivity",
            "111122223333_CloudTrail-NetworkActivity_us-east-1_20240214T1005Z_zZ8tRiCF.json.gz",
        ),
        (
            "Config",
            "111122223333_Config_us-east-1_ConfigSnapshot_20221101T031502Z_b79606fb.json.gz",
        ),
    ],
)
def test_another_kind_of_log_is_told_by_its_name_alone(service: str, name: str) -> None:
    assert describe_object(name).skipped == f"not a CloudTrail log: {service}"


@pytest.mark.parametrize(
    "service",
    ["CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-Aggregated", "Config", "vpcflowlogs"],
)
def test_another_kind_of_logs_folder_is_skipped(service: str) -> None:
    folder = describe_folder(f"AWSLogs/111122223333/{service}/")

    assert folder.step is Step.SKIP
    assert folder.skipped == f"not a CloudTrail log: {service}"


@pytest.mark.parametrize("name", ["README.txt", ".listing", "x.parquet", "x.gz", "x.zip"])
def test_a_stray_file_is_skipped_and_says_why(name: str) -> None:
    skipped = describe_object(DAY_FOLDER + name).skipped

    assert skipped == "not a log: its name ends in neither .json.gz nor .json"


def test_a_folder_marker_is_skipped() -> None:
    assert describe_object(DAY_FOLDER).skipped == "folder marker"


def test_a_log_by_another_name_is_placed_by_its_folders() -> None:
    place = describe_object(DAY_FOLDER + "renamed.json.gz")

    assert place == Place("111122223333", "eu-west-1", datetime(2023, 3, 15, tzinfo=UTC))


def test_a_loose_file_that_may_be_a_log_has_no_place_and_is_not_skipped() -> None:
    assert describe_object("anything.json") == Place()


@pytest.mark.parametrize("stamp", ["20231315T0730Z", "20230230T0730Z", "20230315T2560Z"])
def test_digits_that_are_no_time_leave_the_time_unknown(stamp: str) -> None:
    place = describe_object(NAME.replace("20230315T0730Z", stamp))

    assert place == Place("111122223333", "eu-west-1", None)


def test_a_date_folder_that_is_no_date_leaves_the_time_unknown() -> None:
    assert describe_object(DAY_FOLDER.replace("03/15", "13/45") + "x.json").delivered_at is None


@pytest.mark.parametrize(
    ("prefix", "step"),
    [
        ("", Step.DESCEND),
        ("AWSLogs/", Step.DESCEND),
        ("AWSLogs/o-exampleorg1/", Step.DESCEND),
        ("AWSLogs/111122223333/", Step.DESCEND),
        ("AWSLogs/111122223333/CloudTrail/", Step.DESCEND),
        ("AWSLogs/111122223333/CloudTrail/eu-west-1/", Step.LIST),
        ("AWSLogs/111122223333/CloudTrail/eu-west-1/2023/", Step.LIST),
        ("CloudTrail/", Step.DESCEND),
        ("CloudTrail/eu-west-1/", Step.LIST),
        ("111122223333/CloudTrail/eu-west-1/2023/03/15/", Step.LIST),
        ("CloudTrail-Digest/", Step.SKIP),
        ("AWSLogs/aws-controltower/", Step.SKIP),
    ],
)
def test_every_depth_of_a_copy_has_its_step(prefix: str, step: Step) -> None:
    assert describe_folder(prefix).step is step


@pytest.mark.parametrize("below", ["", "2023/", "2023/03/15/"])
def test_the_regions_prefix_is_found_from_any_depth_below_it(below: str) -> None:
    region = "CloudTrail/AWSLogs/111122223333/CloudTrail/eu-west-1/"

    assert region_prefix_of(region + below) == region


DIGEST_FOLDER = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2023/03/15/"
DIGEST = "111122223333_CloudTrail-Digest_eu-west-1_audit_us-east-1_20230315T073042Z.json.gz"
ENDED = datetime(2023, 3, 15, 7, 30, 42, tzinfo=UTC)


@pytest.mark.parametrize("trail", ["audit", "management-events", "a_b.c", "x_us-east-1_y"])
@pytest.mark.parametrize("backfill", [True, False])
def test_a_digests_name_says_whose_it_is(trail: str, *, backfill: bool) -> None:
    name = DIGEST.replace("audit", trail)
    if backfill:
        name = name.replace("Z.json", "Z_backfill.json")

    wanted = DigestName("111122223333", "eu-west-1", trail, "us-east-1", ENDED, backfill)
    assert digest_name(DIGEST_FOLDER + name) == wanted


@pytest.mark.parametrize(
    "name", [NAME, DIGEST.replace("0315T", "9915T"), DIGEST + ".bak", DIGEST.replace("Digest", "X")]
)
def test_a_name_that_is_no_digests_is_none(name: str) -> None:
    assert digest_name(DIGEST_FOLDER + name) is None
    assert describe_object(DIGEST_FOLDER + name, Service.DIGESTS).skipped == "not a digest"


def test_a_digest_is_a_digest_only_where_digests_are_asked_for() -> None:
    key = DIGEST_FOLDER + DIGEST

    assert describe_object(key, Service.DIGESTS) == Place("111122223333", "eu-west-1", ENDED)
    assert describe_object(key).skipped == "not a CloudTrail log: CloudTrail-Digest"
    assert describe_folder(DIGEST_FOLDER, Service.DIGESTS).step is Step.LIST
    assert describe_folder(DIGEST_FOLDER).step is Step.SKIP
    assert describe_folder(DAY_FOLDER, Service.DIGESTS).step is Step.SKIP
    region = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/"
    assert region_prefix_of(DIGEST_FOLDER, Service.DIGESTS) == region
