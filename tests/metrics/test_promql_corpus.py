"""What is a query and what is not, with the words Prometheus has for it."""

import pytest

from metrics.errors import ErrorKind, QueryError
from metrics.promql.functions import FUNCTIONS
from metrics.promql.parser import parse
from metrics.promql.printer import to_text

ACCEPTED = """
1
-1 + +1
1 + 1 == bool 2
1 > bool 2
"text"
up
:
a:b:c{job="x"}
{job="x"}
{__name__="up"}
{__name__=~"up|down"}
{"up"}
{"up",}
{'up', job='x'}
{job="x", "up"}
{a="", b!=""}
{a=~".+"}
{a!~".*"}
up{}
up[5m]
up[300]
up[1h30m]
up[5m] offset 1w
up @ 0
up @ -5
up @ 1.5e3
up @ start()
up @ end() offset -5m
up @ 5m
up[5m:]
up[5m:30s]
up[5m:30s] offset 1h @ 5
(up)[5m:1m]
(up + down)[5m:1m]
up offset 0s offset 5m
sum(up)
SUM(up)
sum by () (up)
sum by (a) (up)
sum by (a,) (up)
sum(up) without (a, b)
count_values("version", build)
topk(scalar(n), up)
quantile(0.5, up)
group by (a) (up)
sum(sum(up) by (a))
1_000.5
1_0e1_0
up[+5m]
up offset +-5m
time()
pi()
vector(1)
hour()
hour(up)
round(up)
round(up, 5)
clamp(up, 0, 1)
absent(up)
absent_over_time(up[5m])
label_replace(up, "a", "$1", "b", "(.*)")
label_join(up, "a", ",", "b", "c", "d")
label_join(up, "a", ",")
histogram_quantile(0.9, sum by (le) (rate(b_bucket[5m])))
quantile_over_time(0.5, up[5m])
predict_linear(up[1h], 4 * 3600)
rate((up[5m]))
scalar(up) + 1
-up
+up
-(1 + 1)
a + b
a + on () b
a + on (x) b
a + ignoring (x) b
a + ignoring (x) group_left b
a + on (x) group_right (y) b
a * on (x) group_left () (b)
a == bool on (x) b
a and b
a or on (x) b
a unless ignoring (x, y) b
a and on () b
a + on () group_left (x) 1
a atan2 b
and and and
offset offset 5m
sum + sum
by{by="by"}
a # comment
""".strip().splitlines()

REJECTED = {
    "": "no expression found in input",
    "# only a comment": "no expression found in input",
    "up up": 'unexpected identifier "up"',
    "1 2": 'unexpected number "2"',
    '"a" "b"': 'unexpected string "\\"b\\""',
    "up)": "unexpected right parenthesis ')'",
    "(up": "unclosed left parenthesis",
    "up[5m": "unclosed left bracket",
    "up]": "unexpected right bracket ']'",
    "up[[5m]]": "unexpected left bracket '['",
    "()": 'unexpected ")"',
    "*": "unexpected <op:*>",
    "up +": "unexpected end of input",
    "up = 1": 'unexpected "="',
    "up =~ 1": 'unexpected "="',
    "up ! 1": "unexpected character: '!'",
    "up ; 1": "unexpected character: ';'",
    "up & 1": "unexpected character: '&'",
    "콘서트": "unexpected character: '콘'",
    "1.2.3": 'bad number or duration syntax: "1.2.3"',
    "0x": 'bad number or duration syntax: "0x"',
    "0xg": 'bad number or duration syntax: "0xg"',
    "1_": 'bad number or duration syntax: "1_"',
    "1__0": 'bad number or duration syntax: "1__0"',
    "1e": 'bad number or duration syntax: "1e"',
    "5mm": 'bad number or duration syntax: "5mm"',
    "1e999": "error parsing number",
    "0xffffffffffffffffff": "error parsing number",
    "1m1h": 'not a valid duration string: "1m1h"',
    "1s1s": 'not a valid duration string: "1s1s"',
    "1.5h": 'not a valid duration string: "1.5h"',
    "up[1000000y]": "duration out of range",
    "up[99999999999999999999s]": "duration out of range",
    "up offset 1e300": "duration out of range",
    '"open': "unterminated quoted string",
    '"two\nlines"': "unterminated quoted string",
    "`open": "unterminated raw string",
    r'"\q"': "unknown or unfinished escape sequence",
    r'"\x4"': "unknown or unfinished escape sequence",
    r'"\400"': "escape sequence is an invalid Unicode code point",
    r'"\ud800"': "escape sequence is an invalid Unicode code point",
    r'"\U00110000"': "escape sequence is an invalid Unicode code point",
    r'"\'"': "unknown escape sequence \\'",
    "{}": "vector selector must contain at least one non-empty matcher",
    '{a=""}': "vector selector must contain at least one non-empty matcher",
    '{a=~".*"}': "vector selector must contain at least one non-empty matcher",
    '{a!="x"}': "vector selector must contain at least one non-empty matcher",
    '{a!~"x"}': "vector selector must contain at least one non-empty matcher",
    "{": "unexpected end of input inside braces",
    "up{{": "unexpected left brace '{'",
    "up{,}": 'unexpected "," in label matching, expected identifier or "}"',
    "up{a}": 'unexpected "}" in label matching, expected label matching operator',
    "up{a=}": 'unexpected "}" in label matching, expected string',
    "up{a=1}": "unexpected character inside braces: '1'",
    "up{a=b}": 'unexpected identifier "b" in label matching, expected string',
    'up{a=="b"}': 'unexpected "=" in label matching, expected string',
    'up{a="b" c="d"}': 'unexpected identifier "c" in label matching, expected "," or "}"',
    'up{a:b="c"}': "unexpected character inside braces: ':'",
    'up{a=~"("}': "error parsing regexp: missing ): (",
    'up{a=~"x)(y"}': "error parsing regexp: unexpected ): x)(y",
    'up{a=~"(?=x)"}': "error parsing regexp: invalid perl operator: (?=",
    'up{__name__="down"}': 'metric name must not be set twice: "up" or "down"',
    'up{"down"}': 'metric name must not be set twice: "up" or "down"',
    "up[]": 'unexpected "]" in subquery selector, expected number or duration',
    "up[x]": 'unexpected identifier "x" in subquery selector, expected number or duration',
    "up[5m 5m]": 'unexpected duration "5m" in subquery or range, expected ":" or "]"',
    "up[5m:x]": 'unexpected identifier "x" in subquery selector, expected number or duration or "]"',
    "up[5m:1m 1m]": 'unexpected duration "1m" in subquery selector, expected "]"',
    "up[0m]": "duration must be greater than 0",
    "up[5m:0s]": "duration must be greater than 0",
    "up[5m][5m]": "ranges only allowed for vector selectors",
    "1[5m]": "ranges only allowed for vector selectors",
    "(up)[5m]": "ranges only allowed for vector selectors",
    "up offset 5m [5m]": "no offset modifiers allowed before range",
    "up @ 5 [5m]": "no @ modifiers allowed before range",
    "up offset": "unexpected end of input in offset, expected number or duration",
    "up offset up": 'unexpected identifier "up" in offset, expected number or duration',
    "up offset 5m offset 5m": "offset may not be set multiple times",
    "up[5m] offset 5m offset 5m": "offset may not be set multiple times",
    "(up) offset 5m": "offset modifier must be preceded by an instant vector selector or range",
    "1 offset 5m": "offset modifier must be preceded by an instant vector selector or range",
    "up @": "unexpected end of input in @, expected timestamp",
    "up @ up": 'unexpected identifier "up" in @, expected timestamp',
    "up @ start": 'unexpected end of input in @, expected "("',
    "up @ 1 @ 2": "@ <timestamp> may not be set multiple times",
    "up @ start() @ 2": "@ <timestamp> may not be set multiple times",
    "sum(up) @ 1": "@ modifier must be preceded by an instant vector selector or range",
    "up @ Inf": "timestamp out of bounds for @ modifier",
    "up @ NaN": "timestamp out of bounds for @ modifier",
    "up[5m:1m][5m:1m]": "subquery is only allowed on instant vector, got matrix instead",
    "1[5m:1m]": "subquery is only allowed on instant vector, got scalar instead",
    "sum()": "no arguments for aggregate expression provided",
    "sum(up, up)": "wrong number of arguments for aggregate expression provided, expected 1, got 2",
    "topk(up)": "wrong number of arguments for aggregate expression provided, expected 2, got 1",
    "sum(up,)": "trailing commas not allowed in function call args",
    "sum(up) by (a) by (b)": "unexpected <by>",
    "sum by up": 'unexpected identifier "up" in grouping opts, expected "("',
    "sum by (a b) (up)": 'unexpected identifier "b" in grouping opts, expected "," or ")"',
    "sum by (1) (up)": 'unexpected number "1" in grouping opts, expected label',
    "sum by (,) (up)": 'unexpected "," in grouping opts, expected label',
    'sum by ("") (up)': "in grouping opts, expected label",
    "sum by (without) (up)": "unexpected <without> in grouping opts, expected label",
    "sum by (a) up": 'unexpected identifier "up" in aggregation',
    "sum(1)": "expected type instant vector in aggregation expression, got scalar",
    "sum(up[5m])": "expected type instant vector in aggregation expression, got range vector",
    "topk(up, up)": "expected type scalar in aggregation parameter, got instant vector",
    'topk("5", up)': "expected type scalar in aggregation parameter, got string",
    "count_values(5, up)": "expected type string in aggregation parameter, got scalar",
    "rate(up)": 'expected type range vector in call to function "rate", got instant vector',
    "abs(up[5m])": 'expected type instant vector in call to function "abs", got range vector',
    "rate(up[5m], 1)": 'expected 1 argument(s) in call to "rate", got 2',
    "time(1)": 'expected 0 argument(s) in call to "time", got 1',
    "clamp(up)": 'expected 3 argument(s) in call to "clamp", got 1',
    "round()": 'expected at least 1 argument(s) in call to "round", got 0',
    "round(up, 1, 2)": 'expected at most 2 argument(s) in call to "round", got 3',
    "hour(up, up)": 'expected at most 1 argument(s) in call to "hour", got 2',
    'label_join(up, "a")': 'expected at least 3 argument(s) in call to "label_join", got 2',
    'label_join(up, "a", "b", 1)': 'expected type string in call to function "label_join", got scalar',
    "rat(up[5m])": 'unknown function with name "rat", did you mean "rate"?',
    "Rate(up[5m])": 'unknown function with name "Rate", did you mean "rate"?',
    "summ(up)": 'unknown function with name "summ", did you mean "sum"?',
    "xyzzyplugh(up)": 'unknown function with name "xyzzyplugh"',
    "a:b(up)": 'unexpected "("',
    "1 > 2": "comparisons between scalars must use BOOL modifier",
    "time() == 1": "comparisons between scalars must use BOOL modifier",
    "a + bool b": "bool modifier can only be used on comparison operators",
    "a and bool b": "bool modifier can only be used on comparison operators",
    "a and 1": 'set operator "and" not allowed in binary scalar expression',
    "1 or 1": 'set operator "or" not allowed in binary scalar expression',
    "a + on (x) 1": "vector matching only allowed between instant vectors",
    "1 + ignoring (x) 1": "vector matching only allowed between instant vectors",
    "a and on (x) group_left b": 'no grouping allowed for "and" operation',
    "a or ignoring (x) group_right (y) b": 'no grouping allowed for "or" operation',
    "a + on (x) group_left (x) b": 'label "x" must not occur in ON and GROUP clause at once',
    "a + group_left b": "unexpected <group_left>",
    "a + on x b": 'unexpected identifier "x" in grouping opts, expected "("',
    "a + on (x) group_left (b)": "unexpected end of input",
    'a + "b"': "binary expression must contain only scalar and instant vector types",
    "a + b[5m]": "binary expression must contain only scalar and instant vector types",
    '-"a"': "unary expression only allowed on expressions of type scalar or instant vector",
    "-a[5m]": "unary expression only allowed on expressions of type scalar or instant vector",
    "\udc80": "invalid UTF-8 rune in the query",
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_query_of_the_corpus_is_accepted_and_prints_to_itself(text: str) -> None:
    printed = to_text(parse(text))
    assert to_text(parse(printed)) == printed


@pytest.mark.parametrize(("text", "reason"), REJECTED.items(), ids=map(ascii, REJECTED))
def test_a_mistake_is_named_as_prometheus_names_it(text: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert reason in caught.value.message
    assert caught.value.kind is ErrorKind.BAD_DATA


def test_every_function_has_a_signature_that_can_be_called() -> None:
    stable = [signature for signature in FUNCTIONS.values() if not signature.experimental]
    examples = {"scalar": "1", "vector": "up", "matrix": "up[5m]", "string": '"s"'}
    for signature in stable:
        args = ", ".join(examples[kind] for kind in signature.arg_types)
        parse(f"{signature.name}({args})")
    assert len(stable) == 72
