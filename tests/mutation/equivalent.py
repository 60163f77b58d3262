"""Mutants that no test can kill, because they do what the real code does: the change, and why."""

_ENCODING = "the names of encodings are read in either case"
_ROOT = 'root: str = scope.get("root_path", "")'
_NO_ROOT = "no root_path, whichever way, is in front of a path that begins with /"
_ANOTHER = "another = number ^ 1"
_ANY_OTHER = "any other number will do"
_FETCHED = "self._fetched_moment = 0.0"
_NO_KEYS = "without keys there was no fetch, and this is not looked at"
_NO_JSON = "an X outside of strings is not JSON, and refused before what follows it is looked at"
_DEEP = 'if len(text) > _SAFE_DEPTH and text.count("[") + text.count("{") > _SAFE_DEPTH:'
_EITHER_WAY = "the depth is the same whether it is looked at before parsing or after"
_END = "if end < 0:"
_AFTER_NAME = "a semicolon is found behind the name and =, so at 2 or later, or not at all"

EQUIVALENT: dict[tuple[str, str], str] = {
    ('kind = members.get("typ", "JWT")', 'kind = members.get("typ", "jwt")'): (
        "typ is compared in upper case"
    ),
    (
        'token = authorization[6:].lstrip(b" ")',
        'token = authorization[7:].lstrip(b" ")',
    ): "byte 6 is a space, which is stripped, or the credential is refused",
    (
        "json.dumps(value, ensure_ascii=False).encode()",
        "json.dumps(value, ensure_ascii=None).encode()",
    ): "None is as false as False",
    (_DEEP, _DEEP.replace(" and ", " or ")): _EITHER_WAY,
    (_DEEP, _DEEP.replace("len(text) >", "len(text) >=")): _EITHER_WAY,
    (_DEEP, _DEEP.replace('"{") >', '"{") >=')): _EITHER_WAY,
    (
        'if not digits.isdigit() or digits < b"1":',
        'if not digits.isdigit() or digits <= b"1":',
    ): "a single digit is the end of what is no JSON",
    (
        'for character in _STRING.sub("", text):',
        'for character in _STRING.sub("XXXX", text):',
    ): "no X is a bracket",
    ('if character in "[{":', 'if character in "XX[{XX":'): _NO_JSON,
    ('elif character in "]}":', 'elif character in "XX]}XX":'): _NO_JSON,
    (
        'text = _ESCAPED.sub("", text)',
        'text = _ESCAPED.sub("XXXX", text)',
    ): "no X is a quotation mark",
    (_ANOTHER, "another = number & 1"): _ANY_OTHER,
    (_ANOTHER, "another = number ^ 2"): _ANY_OTHER,
    (
        "if after.find(_NEEDLE) >= 0:",
        "if after.rfind(_NEEDLE) >= 0:",
    ): "whether it is there at all is the same from both ends",
    (_FETCHED, "self._fetched_moment = None"): _NO_KEYS,
    (_FETCHED, "self._fetched_moment = 1.0"): _NO_KEYS,
    (
        "self._failures = min(self._failures + 1, 16)",
        "self._failures = min(self._failures + 1, 17)",
    ): "2**16 seconds are cut to a minute just as 2**17 are",
    ('token = token.encode("ascii")', 'token = token.encode("ASCII")'): _ENCODING,
    (_END, "if end <= 0:"): _AFTER_NAME,
    (_END, "if end < 1:"): _AFTER_NAME,
    (
        "if not MINIMUM_RSA_EXPONENT <= exponent < MAXIMUM_RSA_EXPONENT or exponent % 2 == 0:",
        "if not MINIMUM_RSA_EXPONENT <= exponent <= MAXIMUM_RSA_EXPONENT or exponent % 2 == 0:",
    ): "2**32 is even, and refused for that",
    (
        "if len(value) > MAXIMUM_RSA_BITS // 8:",
        "if len(value) > MAXIMUM_RSA_BITS / 8:",
    ): "8192 is a multiple of 8",
    (
        'return parse_base64url(text.encode("ascii"))',
        'return parse_base64url(text.encode("ASCII"))',
    ): _ENCODING,
    (
        'self._exact = frozenset(path for path in patterns if not path.endswith("*"))',
        'self._exact = frozenset(path for path in patterns if not path.endswith("XX*XX"))',
    ): "a path that is spelled like the pattern of a tree is in that tree",
    (_ROOT, 'root: str = scope.get("root_path", None)'): _NO_ROOT,
    (_ROOT, 'root: str = scope.get("root_path", )'): _NO_ROOT,
    (_ROOT, 'root: str = scope.get("root_path", "XXXX")'): _NO_ROOT,
    (
        "if number >= self._modulus:",
        "if number > self._modulus:",
    ): "the modulus itself is 0 modulo the modulus, and no encoded message is 0",
}
