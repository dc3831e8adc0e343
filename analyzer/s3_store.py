"""An S3 bucket as a store: boto3 lists (it alone shows what is archived), obstore moves bytes.

boto3 costs 1.6 ms of CPU an object, obstore 0.15 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import obstore
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from obstore.exceptions import BaseError, PreconditionError, UnauthenticatedError

from analyzer.errors import StoreError
from analyzer.s3_connection import LISTINGS_IN_FLIGHT, S3Connection
from analyzer.s3_errors import (
    CredentialsExpired,
    cause,
    code_of,
    given_up,
    listing_not_now,
    not_given,
    refusals,
)
from analyzer.s3_retries import NotNow, Retries
from analyzer.store import Folder, Page, StoredObject, Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

    from analyzer.s3_retries import Answer
    from analyzer.store import S3Access

# These storage classes answer GetObject only after a restore.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
ARCHIVED_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


class S3Store:
    """The bucket of `root` (`s3://bucket/`). Connects on the first request."""

    reads_in_flight = 96
    """At 25 ms a request these are 3,800 objects a second, more than a worker decodes."""
    listings_in_flight = LISTINGS_IN_FLIGHT

    def __init__(self, root: str, access: S3Access) -> None:
        """`access` says how to reach S3 beyond what boto3 finds by itself."""
        self.root = root
        self._connection = S3Connection(root, access)
        self._payer: Any = {"RequestPayer": "requester"} if access.request_payer else {}
        self._retries = Retries(self.reads_in_flight)

    def folder(self, prefix: str) -> Folder:
        """Return what lies directly in `prefix`."""
        folders: list[str] = []
        objects: list[StoredObject] = []
        more: dict[str, str] = {}
        while True:
            answer = self._answer(prefix, Delimiter="/", **more)
            folders += [common["Prefix"] for common in answer.get("CommonPrefixes", [])]
            objects += [_stored(item) for item in answer.get("Contents", [])]
            if not answer["IsTruncated"]:
                break
            more = {"ContinuationToken": answer["NextContinuationToken"]}
        return Folder(tuple(folders), tuple(objects))

    def page(self, stretch: Stretch) -> Page:
        """Return at most 1,000 objects of a stretch, in the order of their keys."""
        start = {"StartAfter": stretch.after} if stretch.after else {}
        answer = self._answer(stretch.prefix, **start)
        found = [_stored(item) for item in answer.get("Contents", [])]
        if found and found[0].key <= stretch.after:  # it would be asked for again for ever
            raise StoreError(f"{self.root}: the server lists what comes before StartAfter")
        before = stretch.before
        if before is not None and found and found[-1].key >= before:
            return Page([each for each in found if each.key < before], ())
        if not answer["IsTruncated"]:
            return Page(found, ())
        if not found:
            raise StoreError(f"{self.root}{stretch.prefix}: the listing breaks off without a key")
        return Page(found, (Stretch(stretch.prefix, found[-1].key, before),))

    def get(self, key: str, etag: str, size: int | None = None) -> bytes:
        """Return the object's bytes if it still has this ETag, and if as many came as listed."""
        try:
            return self._given(key, etag, size)
        except StoreError as error:
            self._connection.refused(error)
            raise

    def take_retries(self) -> int:
        """Return how many requests had to be made again since this was last asked."""
        return self._retries.take()

    def metadata(self, key: str) -> Mapping[str, str]:
        """Return what its writer stored beside the object's bytes; nothing if it is gone."""
        with refusals(self.root):
            client = self._connection.client
            try:
                answer = client.head_object(Bucket=self._connection.bucket, Key=key, **self._payer)
            except ClientError as error:
                if error.operation_name != "HeadObject" or code_of(error) != "404":
                    raise
                return {}
            self._retries.count(answer["ResponseMetadata"]["RetryAttempts"])
            return answer["Metadata"]

    def _given(self, key: str, etag: str, size: int | None) -> bytes:
        def whole() -> bytes:
            self._connection.stop_if_just_refused()
            body = self._bytes(key, etag)
            if size is not None and len(body) != size:
                raise NotNow("Incomplete")
            return body

        try:
            return self._signed(lambda: self._retries.answer(whole))
        except NotNow as error:
            in_a_row = self._retries.given_up_in_a_row
            raise given_up(self.root, error.code, in_a_row) from error

    def _signed(self, ask: Callable[[], Answer]) -> Answer:
        """Return what `ask` returns; where the credentials have expired, with newer ones."""
        seen = self._connection.generation
        try:
            return ask()
        except CredentialsExpired:
            if not self._connection.renew(seen):
                raise
            self._retries.count(1)
            return ask()

    def _bytes(self, key: str, etag: str) -> bytes:
        if key.startswith("/"):  # obstore would ask for the key without it
            return self._bytes_by_boto3(key, etag)
        try:
            return (
                obstore.get(self._connection.objects, key, options={"if_match": etag})
                .bytes()
                .to_bytes()
            )
        except ValueError:  # a key that obstore does not take, such as one with "//" in it
            return self._bytes_by_boto3(key, etag)
        except FileNotFoundError as error:
            raise not_given(self.root, cause(error) or "NoSuchKey") from error
        except PreconditionError as error:
            raise not_given(self.root, "PreconditionFailed") from error
        except BaseError as error:
            if isinstance(error, UnauthenticatedError):
                self._connection.credential()  # raises why there is none, where it is that
            raise not_given(self.root, cause(error) or type(error).__name__) from error

    def _bytes_by_boto3(self, key: str, etag: str) -> bytes:
        with refusals(self.root):
            client = self._connection.client
            try:
                answer = client.get_object(
                    Bucket=self._connection.bucket, Key=key, IfMatch=etag, **self._payer
                )
                return answer["Body"].read()
            except (HTTPClientError, IncompleteReadError) as error:
                raise NotNow("Interrupted") from error
            except ClientError as error:
                if error.operation_name != "GetObject":  # but one that asks for credentials
                    raise
                raise not_given(self.root, code_of(error)) from error

    def _answer(self, prefix: str, **more: str) -> ListObjectsV2OutputTypeDef:
        """Return a page of at most 1,000 keys; `more` are fields of the request."""
        request: Any = {"Prefix": prefix, **self._payer, **more}

        def page() -> ListObjectsV2OutputTypeDef:
            with refusals(self.root, prefix), listing_not_now():
                answer = self._connection.client.list_objects_v2(
                    Bucket=self._connection.bucket,
                    OptionalObjectAttributes=["RestoreStatus"],
                    **request,
                )
            if "IsTruncated" not in answer:  # botocore takes a body that never came for a page
                raise NotNow("Incomplete")
            return answer

        try:
            answer = self._signed(lambda: self._retries.answer(page))
        except NotNow as error:
            raise StoreError(f"{self.root}: {error.code}: S3 did not list it") from error
        self._retries.count(answer["ResponseMetadata"]["RetryAttempts"])
        return answer


def _stored(item: ObjectTypeDef) -> StoredObject:
    """Return a listed object; a restored copy keeps its class, and is not archived."""
    storage_class = item.get("StorageClass", "STANDARD")
    restored = "RestoreExpiryDate" in item.get("RestoreStatus", {})
    return StoredObject(
        key=item["Key"],
        etag=item["ETag"],
        size=item["Size"],
        last_modified=item["LastModified"],
        storage_class=storage_class,
        archived=storage_class in ARCHIVED_CLASSES and not restored,
    )
