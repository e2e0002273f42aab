"""A text is kept without its secrets, and otherwise as it was."""

import base64
import random
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlops_nb.secrets import known, redaction
from mlops_nb.secrets.redaction import fits, redact, redact_value, removed
from tests.secrets import corpus

SHAPED = corpus.shaped()
PLACES = (
    "{}",
    "x = '{}'",
    'print("{}")',
    "{{'a': ['{}', 1]}}",
    "error: {} was refused",
    "line\\n{}\\n",
    "https://x.io/?q=%3D{}",
)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    """No value is known beforehand, and what a test makes known is forgotten."""
    monkeypatch.setattr(known, "_values", {})
    monkeypatch.setattr(known, "_seen", {})
    redaction._small.cache_clear()
    yield
    redaction._small.cache_clear()


@pytest.mark.parametrize("kind", SHAPED)
def test_a_secret_is_known_by_its_shape_wherever_it_stands(kind):
    for seed in range(8):
        secret = corpus.shaped(seed)[kind]
        for place in PLACES:
            if "PRIVATE" in secret and "'" in place:
                place = place.replace("'", '"""')
            cleaned = redact(place.format(secret))
            for line in secret.splitlines():
                assert line not in cleaned or line.startswith("-----"), cleaned
            assert cleaned.count("[redacted:") == 1
            assert cleaned.startswith(place.partition("{}")[0].format())


@pytest.mark.parametrize("line", corpus.WRITTEN)
def test_a_secret_is_known_by_the_name_or_the_place_beside_it(line):
    for seed in range(40):
        secret = corpus.unshaped(seed)
        cleaned = redact(f"first = 1\n{line.format(secret)}\nlast = 2\n")
        assert secret not in cleaned
        assert (
            redaction.REMOVED.sub("{}", cleaned)
            == f"first = 1\n{line.replace('{{', '{').replace('}}', '}')}\nlast = 2\n"
        )


@pytest.mark.parametrize("line", [line for line in corpus.WRITTEN if "token=" not in line and "_TOKEN" not in line])
def test_a_short_password_is_known_by_the_name_beside_it_too(line):
    assert "hunter2" not in redact(line.format("hunter2"))


@pytest.mark.parametrize("line", corpus.INNOCENT)
def test_what_only_looks_like_a_secret_stays(line):
    assert redact(line) == line
    assert redact(f"before\n{line}\nafter") == f"before\n{line}\nafter"


def test_a_redacted_source_is_still_python():
    source = (
        "\n".join(line.format(corpus.unshaped()) for line in corpus.WRITTEN[:6])
        + f"\nkey = '{SHAPED['github personal']}'"
    )
    cleaned = redact(source)
    compile(cleaned, "cell", "exec")
    assert removed(cleaned) == ["password", "db_password", "client_secret", "SERVICE_TOKEN", "github-token"]


def test_the_secret_beside_an_aws_access_key_goes_too():
    pair = ("AK" + "IA" + "Q" * 16, "wJ" + "a9/" * 12 + "xY")
    cleaned = redact(f"session = Session{pair}")
    assert cleaned == "session = Session('[redacted:aws-access-key]', '[redacted:aws-secret-key]')"


def test_a_service_account_loses_its_private_key_only():
    account = (
        '{"type": "service_account", "project_id": "p", "private_key": "'
        + SHAPED["pkcs8 key"].replace("\n", "\\n")
        + '"}'
    )
    assert redact(account) == '{"type": "service_account", "project_id": "p", "private_key": "[redacted:private-key]"}'


def test_a_connection_string_of_azure_keeps_its_account():
    key = base64.b64encode(random.Random(1).randbytes(64)).decode()
    text = f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={key};EndpointSuffix=core.windows.net"
    assert redact(text) == text.replace(key, "[redacted:azure-key]")
    signed = f"https://a.blob.core.windows.net/c/b?sv=2022-11-02&sp=r&sig={key.replace('/', '%2F').replace('+', '%2B')}"
    assert redact(signed) == signed.partition("sig=")[0] + "sig=[redacted:url-signature]"


def test_an_image_inside_a_text_is_not_touched():
    noise = base64.b64encode(random.Random(2).randbytes(200_000)).decode()
    image = f'<img src="data:image/png;base64,{noise[:100]}{SHAPED["aws access key"]}{noise}">'
    assert redact(image) == image
    assert redact(image + SHAPED["github oauth"]) == image + "[redacted:github-token]"


def test_plain_base64_and_numbers_stay():
    draw = random.Random(3)
    text = "\n".join(
        f"{draw.random()} {draw.randbytes(20).hex()} {base64.b64encode(draw.randbytes(300)).decode()}"
        for _ in range(2000)
    )
    assert redact(text) == text


# -- by value -------------------------------------------------------------------------------------------------


def test_the_value_of_a_telling_variable_is_known_anywhere(monkeypatch):
    monkeypatch.setenv("SERVICE_PASSWORD", "s3cr3t&value")
    known.learn_environment()
    assert redact("it was s3cr3t&value, alas") == "it was [redacted:SERVICE_PASSWORD], alas"
    assert redact("html s3cr3t&amp;value, url s3cr3t%26value") == (
        "html [redacted:SERVICE_PASSWORD], url [redacted:SERVICE_PASSWORD]"
    )
    monkeypatch.delenv("SERVICE_PASSWORD")
    known.learn_environment()
    assert "s3cr3t" not in redact("it was s3cr3t&value, alas")


def test_the_password_in_a_url_of_the_environment_is_known_anywhere(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://bob:p%40ssw0rd@db/x")
    known.learn_environment()
    assert redact("p@ssw0rd and p%40ssw0rd") == "[redacted:DATABASE_URL] and [redacted:DATABASE_URL]"


@pytest.mark.parametrize(
    ("name", "value"),
    [("PWD", "/somewhere/else"), ("TOKEN_FILE", "/run/x1y2z3"), ("MAX_TOKENS", "5120000000"), ("API_KEY", "abc"),
     ("DB_PASSWORD", "postgres"), ("SECRET_NAME", "flights-2013"), ("KEY_LENGTH", "1234567890123"),
     ("SSH_AUTH_SOCK", "/tmp/ssh-1x2y"), ("GOOGLE_APPLICATION_CREDENTIALS", "/")],
)  # fmt: skip
def test_a_variable_that_only_speaks_of_a_secret_teaches_nothing(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    known.learn_environment()
    assert value not in known.values()


def test_a_word_that_is_a_secret_is_not_taken_out_of_other_words(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "swordfish")
    known.learn_environment()
    assert redact("swordfish, swordfishes") == "[redacted:DB_PASSWORD], swordfishes"


def test_the_longer_of_two_known_values_goes_first():
    known.remember("short", "hunter2")
    known.remember("long", "hunter2-live-9")
    assert redact("hunter2-live-9 hunter2") == "[redacted:long] [redacted:short]"


def test_what_a_source_binds_to_a_telling_name_is_known_from_then_on():
    assert redact("tr0ub4dor was refused") == "tr0ub4dor was refused"
    redaction.learn_source('password = "tr0ub4dor"')
    assert redact("tr0ub4dor was refused") == "[redacted:password] was refused"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.text(min_size=1, max_size=8)), max_size=5), st.text(max_size=8))
def test_a_text_fits_what_is_left_of_it_without_its_secrets(parts, last):
    text = "".join(part + secret for part, secret in parts) + last
    redacted = "".join(f"{part}[redacted:x]" for part, _ in parts) + last
    assert fits(text, redacted)
    assert fits(text, text)
    assert not fits(text + "!", redacted + "?")


@pytest.mark.parametrize("text", ["a=1\nb=2", "a=12\nc=2", "a=\nb=2x", "b=2"])
def test_a_text_with_another_rest_does_not_fit(text):
    assert fits(text, "a=[redacted:a]\nb=2") is (text == "a=1\nb=2")


# -- by parameter name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("password", "x1y2", "[redacted:password]"), ("db_password", 1234, "[redacted:db_password]"),
        ("api_key", "abcdef", "[redacted:api_key]"), ("passwords", ["abc", "def"], ["abc", "def"]),
        ("connection", {"user": "bob", "password": "abc"}, {"user": "bob", "password": "[redacted:password]"}),
        ("url", "redis://:hunter2@h/0", "redis://:[redacted:url-password]@h/0"),
        ("token_count", 5, 5), ("pad_token", "[PAD]", "[PAD]"), ("sort_key", "date", "date"), ("password", None, None),
        ("use_token", True, True),
    ],
)  # fmt: skip
def test_a_value_is_judged_by_its_name_and_the_names_in_it(name, value, kept):
    assert redact_value(name, value) == kept


# -- properties -----------------------------------------------------------------------------------------------

telling = st.sampled_from(["password", "token", "api_key", "Authorization: Bearer ", "://u:", "@", "=", '"', "'", ":", " ", "\n",
                           "\\", "[redacted:", "]", "export ", "--", ",", "eyJ", ".", "-----BEGIN PRIVATE KEY-----", "\x1b[33m"])  # fmt: skip
anything = st.lists(st.one_of(telling, st.sampled_from(list(SHAPED.values())), st.text(max_size=12)), max_size=14).map(
    "".join
)


@settings(max_examples=400, deadline=None)
@given(anything)
def test_redacting_twice_is_redacting_once(text):
    once = redact(text)
    assert redact(once) == once


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400))
def test_a_text_without_telling_words_or_marks_is_untouched(text):
    lower = text.lower()
    assume(
        not any(mark in lower for mark in redaction.names.MARKS) and not any(mark in text for mark in redaction.BY_MARK)
    )
    assert redact(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.sampled_from(sorted(SHAPED)), st.text(max_size=60), st.integers(0, 99))
def test_a_shape_is_found_between_any_two_texts(before, kind, after, seed):
    secret = corpus.shaped(seed)[kind]
    assert secret not in redact(f"{before} {secret} {after}")


# -- speed ----------------------------------------------------------------------------------------------------

ADVERSARIAL = ("token ", "password=", 'password="', "password='password=\"", "eyJ", "eyJaaaaaaaa.", "://a:", "AKIA", "sk-",
               "-----BEGIN PRIVATE KEY-----\n", "a", "=", "wandb ", "Authorization: ", "curl -u ", "1234567:AA", "secret         ",
               "\x1b[33mpassword=\"x1y2z3\"", "password=a b=c ", "key", "abc1Q~", "&quot;password&quot;:", "İpassword=", "auth=(\"a\",")  # fmt: skip


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_no_text_takes_longer_than_in_proportion_to_its_length(piece):
    def seconds(size):
        text = piece * (size // len(piece))
        started = time.process_time()
        redaction._redacted(text)
        return time.process_time() - started

    small, large = min(seconds(20_000) for _ in range(3)), seconds(160_000)
    assert large < 0.1 + 3 * 8 * small


def test_a_megabyte_of_output_is_redacted_in_a_blink():
    text = "".join(f"epoch {i} loss={i / 7:.4f} accuracy: {i / 9:.4f}\n" for i in range(25_000))
    started = time.process_time()
    assert redact(text) == text
    assert time.process_time() - started < 1.0
