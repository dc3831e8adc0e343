"""A lake under a prefix of an S3 bucket. An object is whole or not there, so nothing is renamed.

What makes a part visible is the manifest that names it, and of two that write the same one,
S3 lets one through: it is put on the condition that there is none yet (If-None-Match: *).
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING, Any

import obstore
import pyarrow as pa
from obstore.exceptions import AlreadyExistsError, BaseError, UnauthenticatedError

from analyzer.errors import StoreError
from analyzer.lake_files import StoredFile, write_batches, write_tables
from analyzer.lake_filesystem import SCHEME, LakeFileSystem
from analyzer.s3_connection import S3Connection
from analyzer.s3_errors import CredentialsExpired, cause, not_given
from analyzer.s3_retries import PASSING, NotNow, Retries
from analyzer.store import NotFetched

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from duckdb import DuckDBPyConnection
    from obstore.store import S3Store as ObjectStore

    from analyzer.s3_retries import Answer
    from analyzer.store import S3Access

AT_ONCE = 16
"""So many requests may be under way: DuckDB's threads, and there is one for each core."""

PUT_AT_ONCE = 16 * 1024 * 1024
"""What is larger goes up in pieces of this size, several at a time."""

# What each verb needs that S3 may refuse to give.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_PERMISSIONS = {
    "read": "s3:GetObject, and kms:Decrypt where it is encrypted",
    "written": "s3:PutObject, and kms:GenerateDataKey where it is encrypted",
    "deleted": "s3:DeleteObject",
    "listed": "s3:ListBucket",
}


class S3LakeFiles:
    """The objects of a lake under `place` (`s3://bucket/prefix`)."""

    shared = True

    def __init__(self, place: str, access: S3Access) -> None:
        """Nothing is asked for yet."""
        self.place = place
        self.address = place
        bucket, _, self._prefix = place.removeprefix("s3://").partition("/")
        self._connection = S3Connection(f"s3://{bucket}/", access)
        self._retries = Retries(AT_ONCE)
        self._filesystem = LakeFileSystem(self)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Others may write as well: of two commits of the same number S3 takes one."""
        yield

    def reachable(self, connection: DuckDBPyConnection) -> None:
        """Let a DuckDB connection read `lake://`: this lake's files, and no other."""
        if SCHEME not in connection.list_filesystems():
            connection.register_filesystem(self._filesystem)

    def failure(self) -> Exception | None:
        """Return what went wrong when DuckDB read last, once."""
        failure, self._filesystem.failure = self._filesystem.failure, None
        return failure

    def full_path(self, path: str) -> str:
        """Return where `path` is, for DuckDB."""
        return f"{SCHEME}://{path}"

    def source(self, path: str) -> pa.BufferReader:
        """Return a file as a whole, for pyarrow: column by column would be as many requests."""
        return pa.BufferReader(self._bytes(path))

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises `FileNotFoundError` where there is none."""
        return self._bytes(path).to_bytes()

    def end(self, path: str, count: int) -> tuple[int, bytes]:
        """Return how many bytes a file has, and the last `count` of them."""

        def last(objects: ObjectStore) -> tuple[int, bytes]:
            answer = obstore.get(objects, self._key(path), options={"range": {"suffix": count}})
            return answer.meta["size"], answer.bytes().to_bytes()

        return self._answer("read", path, last)

    def between(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to, not including, `end`."""
        key = self._key(path)
        return self._answer(
            "read",
            path,
            lambda objects: obstore.get_range(objects, key, start=start, end=end).to_bytes(),
        )

    def write(self, path: str, content: bytes) -> None:
        """Put a small object. Raises `StoreError` when S3 refuses."""
        self._put(path, content)

    def write_new(self, path: str, content: bytes) -> None:
        """Put a small object that must not be there yet. Raises `FileExistsError` if it is.

        Its content is like no other's: where the answer to a put was lost, and the next try
        finds an object of the same content there, it was this one.
        """
        key = self._key(path)
        try:
            self._answer(
                "written",
                path,
                lambda objects: obstore.put(
                    objects, key, content, mode="create", use_multipart=False
                ),
            )
        except AlreadyExistsError as error:
            try:
                is_ours = self.read(path) == content
            except FileNotFoundError:  # others have gone on, and tidied up
                is_ours = False
            if not is_ours:
                raise FileExistsError(path) from error

    def write_parquet(
        self,
        path: str,
        schema: pa.Schema,
        tables: Iterable[pa.Table],
        **options: Any,  # noqa: ANN401 (they are pyarrow's)
    ) -> int:
        """Write tables of `schema`, one behind the other, and return the file's bytes."""
        held = io.BytesIO()
        write_tables(held, schema, tables, options)
        return self._put_held(path, held)

    def write_parquet_stream(
        self,
        path: str,
        batches: pa.RecordBatchReader,
        **options: Any,  # noqa: ANN401
    ) -> tuple[int, int]:
        """Write a Parquet file batch by batch, and return its rows and its size in bytes."""
        held = io.BytesIO()
        rows = write_batches(held, batches, options)
        return rows, self._put_held(path, held)

    def names(self, folder: str, pattern: str) -> list[str]:
        """Return the paths of the files in `folder` that match a glob pattern, in order."""
        if not folder:
            return [path for path in self._top() if fnmatchcase(path, pattern)]
        depth = pattern.count("/")
        below = [each.path for each in self.listed(folder)]
        names = ((path, path.removeprefix(f"{folder}/")) for path in below)
        return sorted(
            path for path, name in names if name.count("/") == depth and fnmatchcase(name, pattern)
        )

    def listed(self, folder: str) -> Iterator[StoredFile]:
        """Yield all files below `folder`, a thousand a request."""
        found = self._answer(
            "listed",
            folder,
            lambda objects: obstore.list(objects, self._key(folder)).collect(),
        )
        for each in found:
            path = each["path"].removeprefix(self._prefix).lstrip("/")
            yield StoredFile(path, each["size"], each["last_modified"])

    def size(self, path: str) -> int | None:
        """Return a file's bytes; None where there is none."""
        try:
            return self._answer(
                "read", path, lambda objects: obstore.head(objects, self._key(path))["size"]
            )
        except FileNotFoundError:
            return None

    def sizes(self, paths: Collection[str]) -> dict[str, int]:
        """Return the bytes of those of the files that are there, from a listing of the lake."""
        if not paths:
            return {}
        return {each.path: each.bytes for each in self.listed("") if each.path in paths}

    def delete(self, paths: Collection[str]) -> None:
        """Delete files that nothing refers to, a thousand a request."""
        if paths:
            keys = [self._key(path) for path in sorted(paths)]
            self._answer("deleted", min(paths), lambda objects: obstore.delete(objects, keys))

    def _bytes(self, path: str) -> obstore.Bytes:
        return self._answer(
            "read", path, lambda objects: obstore.get(objects, self._key(path)).bytes()
        )

    def _put_held(self, path: str, held: IO[bytes]) -> int:
        size = held.tell()
        self._put(path, held)
        return size

    def _put(self, path: str, content: bytes | IO[bytes]) -> None:
        key = self._key(path)

        def put(objects: ObjectStore) -> None:
            if not isinstance(content, bytes):
                content.seek(0)
            obstore.put(objects, key, content, chunk_size=PUT_AT_ONCE)

        self._answer("written", path, put)

    def _top(self) -> list[str]:
        """Return what lies directly in the lake, folders among it."""
        found = self._answer(
            "listed", "", lambda objects: obstore.list_with_delimiter(objects, self._prefix)
        )
        keys = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return sorted(key.removeprefix(self._prefix).strip("/") for key in keys)

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}".strip("/")

    def _answer(self, done: str, path: str, ask: Callable[[ObjectStore], Answer]) -> Answer:
        """Return what `ask` returns, asked again where that may help.

        Raises `StoreError`; what is or is not there is for the caller to judge.
        """

        def once() -> Answer:
            with self._refusals(done, path):
                return ask(self._connection.objects)

        seen = self._connection.generation
        try:
            try:
                return self._retries.answer(once)
            except CredentialsExpired:
                if not self._connection.renew(seen):
                    raise
                return self._retries.answer(once)
        except NotNow as error:
            raise StoreError(
                f"{self._name(path)}: cannot be {done}: {error.code}, each time that it was "
                "tried; the lake is whole: run again to go on"
            ) from error

    @contextmanager
    def _refusals(self, done: str, path: str) -> Iterator[None]:
        """Translate what obstore raises."""
        root = self._connection.root
        try:
            yield
        except AlreadyExistsError as error:
            code = cause(error)
            if code in PASSING:  # another request came between, and neither may have written it
                raise NotNow(code) from error
            raise
        except ValueError as error:  # a path that obstore does not take, and no file has
            raise FileNotFoundError(path) from error
        except FileNotFoundError as error:
            if cause(error) == "NoSuchBucket":  # an answer to HEAD has only its status
                raise not_given(root, "NoSuchBucket") from error
            raise FileNotFoundError(path) from error
        except BaseError as error:
            if isinstance(error, UnauthenticatedError):
                self._connection.credential()  # raises why there is none, where it is that
            code = cause(error) or type(error).__name__
            refusal = not_given(root, code)
            if isinstance(refusal, NotFetched):
                denied = code in {"AccessDenied", "PermissionDeniedError"}
                why = f"the credentials need {_PERMISSIONS[done]}" if denied else "S3 refused"
                raise StoreError(f"{self._name(path)}: cannot be {done}: {code}: {why}") from error
            raise refusal from error

    def _name(self, path: str) -> str:
        return f"{self.place}/{path}".rstrip("/")
