"""Reading OpenMetrics files with timestamps: what is taken, and what is refused where."""

import gzip
import json
import math
import os
from pathlib import Path

import pytest

from metrics.values import Labels, labels_of
from openmetrics_files import OpenMetricsError, OpenMetricsFiles
from tests.collector.test_exposition_openmetrics import NOT_ENFORCED, case_names

CASES = (
    Path(os.environ.get("CONFORMANCE_DIR", Path(__file__).parents[3] / "shared" / "conformance"))
    / "openmetrics"
)


def written(folder: Path, text: str | bytes, name: str = "samples.om") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(*names: str) -> list[tuple[Labels, int, float]]:
    files = OpenMetricsFiles()
    return [(files.labels[series], at, value) for name in names for series, at, value in files.read(name)]


def refused(name: str) -> str:
    with pytest.raises(OpenMetricsError) as caught:
        read(name)
    return str(caught.value)


def named(name: str, **labels: str) -> Labels:
    return labels_of({"__name__": name, **labels})


def test_names_in_double_quotes_are_any_text(tmp_path: Path) -> None:
    text = '# TYPE "a 1" gauge\n{"a 1","k.ey"="v"} 1 5\n{"a 1","k.ey"="v"} 2 6\nm{"l.n"="v"} 3 5\n# EOF\n'
    odd, other = named("a 1", **{"k.ey": "v"}), named("m", **{"l.n": "v"})
    assert read(written(tmp_path, text)) == [(odd, 5000, 1.0), (odd, 6000, 2.0), (other, 5000, 3.0)]


def test_samples_with_their_times_come_out_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "# HELP a What it is.\n# TYPE a gauge\n"
        'a{x="1 2",y="\\"\\\\\\n"} 1 1700000000\na{x="1 2",y="\\"\\\\\\n"} -0.5 1700000000.137\n'
        'b_total 3e-3 1700000000.5 # {trace="x"} 1.0 1700000000\nb_total 4 1.7000000006e9\n'
        "a +Inf 0.001\n# EOF\n"
    )
    a = named("a", x="1 2", y='"\\\n')
    assert read(written(tmp_path, text)) == [
        (a, 1_700_000_000_000, 1.0),
        (a, 1_700_000_000_137, -0.5),
        (named("b_total"), 1_700_000_000_500, 0.003),
        (named("b_total"), 1_700_000_000_600, 4.0),
        (named("a"), 1, math.inf),
    ]


def test_every_millisecond_is_read_as_it_is_written_and_what_is_beyond_is_cut_off(tmp_path: Path) -> None:
    times = [*range(3000), *range(1_700_000_000_000, 1_700_000_003_000), 4_102_444_799_999]
    lines = [f"x 1 {at // 1000}.{at % 1000:03d}" for at in times]
    assert [at for _, at, _ in read(written(tmp_path, "\n".join([*lines, "# EOF"])))] == times
    assert [at for _, at, _ in read(written(tmp_path, "x 1 1.1239\nx 1 1.9999\n# EOF"))] == [1123, 1999]


def test_a_sample_is_read_wherever_its_time_lies(tmp_path: Path) -> None:
    times = [at for _, at, _ in read(written(tmp_path, "x 1 -1e400\nx 1 -1.5\nx 1 1e400\n# EOF\n"))]
    assert times == [-(10**15), -1500, 10**15]


def test_a_gzip_file_reads_as_the_plain_one(tmp_path: Path) -> None:
    plain = "".join(f'x{{n="{number}"}} {number} 1700000000\n' for number in range(5000)) + "# EOF\n"
    packed = written(tmp_path, gzip.compress(plain.encode()), "samples.om.gz")
    assert read(packed) == read(written(tmp_path, plain))
    assert len(read(packed)) == 5000


def test_series_are_the_same_in_every_file_and_bounds_have_one_spelling(tmp_path: Path) -> None:
    first = written(
        tmp_path,
        '# TYPE h histogram\nh_bucket{le="1",a="b"} 1 10\nh_bucket{a="b",le="1.0"} 2 11\n# EOF\n',
        "a",
    )
    second = written(tmp_path, 'h_bucket{a="b",le="1.0"} 3 5\nh_bucket{a="b",le="1"} 9 5\n# EOF\n', "b")
    bucket = named("h_bucket", a="b", le="1.0")
    assert read(first, second) == [
        (bucket, 10_000, 1.0),
        (bucket, 11_000, 2.0),
        (bucket, 5_000, 3.0),
        (named("h_bucket", a="b", le="1"), 5_000, 9.0),
    ]


def test_the_same_sample_twice_is_one(tmp_path: Path) -> None:
    assert len(read(written(tmp_path, "x 1 10\nx 1 10\ny NaN 10\ny NaN 10.0\n# EOF\n"))) == 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ":1: want # EOF at the end, found the end of the file"),
        ("x 1 10\ny 2 10\n", ":2: want # EOF at the end, found the end of the file"),
        ("x 1\n# EOF\n", ":1: want a timestamp after the value, found 'x 1'"),
        ("x 1 10\nx two 11\n# EOF\n", ":2: value 'two' is not a number (want e.g. 17, 0.5, 1e-3, +Inf, NaN)"),
        ("x 1 10\nx 2 soon\n# EOF\n", ":2: timestamp 'soon' is not a number of seconds"),
        ("x 1 10\nx 2 NaN\n# EOF\n", ":2: timestamp 'NaN' is not a number of seconds"),
        (
            "x{a=1} 1 10\n# EOF\n",
            ":1: want the value of label a in double quotes at column 5, found '1} 1 10'",
        ),
        (
            "x 1 10\nx 2 9.5\n# EOF\n",
            ":2: want the times of a series in ascending order, found 9.5 after 10.0",
        ),
        ("x 1 10\nx 2 10\n# EOF\n", ":2: want one value at a time, found 2.0 after 1.0 at 10.0"),
        ("# EOF\nx 1 10\n", ":2: want nothing after # EOF, found 'x 1 10'"),
        ("x 1 10\n\n# EOF\n", ":2: want a metric name at column 1, found the end of the line"),
        ("x 1 10\r\n# EOF\n", ":1: timestamp '10\\r' is not a number of seconds"),
        ("# TYPE x gauge\n# TYPE x gauge\n# EOF\n", ":2: second # TYPE for x"),
        ("x 1 10\n" + "y" * 2**21, ":2: a line of over 1,048,576 bytes"),
        (b'x{a="\xff"} 1 10\n# EOF\n', ":1: invalid UTF-8 (byte 6)"),
        (b"\x1f\x8b\x08 not gzip at all", ": cannot be read ("),
        (
            gzip.compress(b"x 1 10\n# EOF\n" * 99, mtime=0)[:-20],
            ": cannot be read (Compressed file ended before",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_what_was_found(
    tmp_path: Path, text: str | bytes, wanted: str
) -> None:
    name = written(tmp_path, text)
    assert refused(name).startswith(f"{name}{wanted}")


def test_what_is_no_readable_file_is_named(tmp_path: Path) -> None:
    assert refused(str(tmp_path)) == f"{tmp_path}: cannot be read (Is a directory)"
    assert refused(f"{tmp_path}/none") == f"{tmp_path}/none: cannot be read (No such file or directory)"


def verdict(name: str) -> str:
    """Why a public case is refused; empty when it is taken."""
    try:
        read(str(CASES / name / "metrics"))
    except OpenMetricsError as error:
        return str(error)
    return ""


@pytest.mark.conformance
@pytest.mark.parametrize("name", case_names())
def test_a_public_case_is_judged_as_its_authors_or_a_scrape_judge_it(name: str) -> None:
    good = json.loads((CASES / name / "test.json").read_text(encoding="utf-8"))["shouldParse"]
    found = verdict(name)
    # Pages are not files: most of their samples have no timestamp, some more than one value.
    page = "want a timestamp" in found or "want one value at a time" in found
    assert (page or not good) if found else (good or name in NOT_ENFORCED)
