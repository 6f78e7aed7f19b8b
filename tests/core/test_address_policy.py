"""Which addresses a webhook may call: every range, every way to carry one address in another."""

from ipaddress import ip_address

import pytest

from tracker.core.address_policy import Consent, Reach, judge, refusal, written

PUBLIC, INSIDE, NEVER = Reach

# address, its reach, what it is
ADDRESSES = [
    # public, up to the very edges of what is not
    ("1.1.1.1", PUBLIC, "public"),
    ("9.255.255.255", PUBLIC, "public"),
    ("11.0.0.0", PUBLIC, "public"),
    ("100.63.255.255", PUBLIC, "public"),
    ("100.128.0.0", PUBLIC, "public"),
    ("126.255.255.255", PUBLIC, "public"),
    ("128.0.0.0", PUBLIC, "public"),
    ("169.253.255.255", PUBLIC, "public"),
    ("169.255.0.0", PUBLIC, "public"),
    ("172.15.255.255", PUBLIC, "public"),
    ("172.32.0.0", PUBLIC, "public"),
    ("192.167.255.255", PUBLIC, "public"),
    ("192.169.0.0", PUBLIC, "public"),
    ("198.17.255.255", PUBLIC, "public"),
    ("198.20.0.0", PUBLIC, "public"),
    ("223.255.255.255", PUBLIC, "public"),
    ("2606:4700::1111", PUBLIC, "public"),
    ("2A00:1450::1", PUBLIC, "public"),
    ("3ffe::1", PUBLIC, "public"),
    # of this machine, its network, or nobody
    ("127.0.0.1", INSIDE, "loopback"),
    ("127.255.255.254", INSIDE, "loopback"),
    ("::1", INSIDE, "loopback"),
    ("0:0:0:0:0:0:0:1", INSIDE, "loopback"),
    ("::1%1", INSIDE, "loopback"),
    ("10.0.0.0", INSIDE, "private"),
    ("10.255.255.255", INSIDE, "private"),
    ("172.16.0.1", INSIDE, "private"),
    ("172.31.255.255", INSIDE, "private"),
    ("192.168.0.1", INSIDE, "private"),
    ("fc00::1", INSIDE, "private"),
    ("fdff:ffff::1", INSIDE, "private"),
    ("fec0::1", INSIDE, "private"),
    ("100.64.0.0", INSIDE, "internal"),
    ("100.127.255.255", INSIDE, "internal"),
    ("192.0.2.1", INSIDE, "documentation"),
    ("198.51.100.1", INSIDE, "documentation"),
    ("203.0.113.1", INSIDE, "documentation"),
    ("2001:db8::1", INSIDE, "documentation"),
    ("3fff::1", INSIDE, "documentation"),
    ("198.18.0.1", INSIDE, "benchmarking"),
    ("198.19.255.255", INSIDE, "benchmarking"),
    ("2001:2::1", INSIDE, "benchmarking"),
    ("192.0.0.1", INSIDE, "reserved"),
    ("192.88.99.1", INSIDE, "reserved"),
    ("240.0.0.1", INSIDE, "reserved"),
    ("255.255.255.254", INSIDE, "reserved"),
    ("100::1", INSIDE, "reserved"),
    ("2001:10::1", INSIDE, "reserved"),
    ("4000::1", INSIDE, "reserved"),
    ("5f00::1", INSIDE, "reserved"),
    ("64:ff9b:1::", INSIDE, "local NAT64"),
    # whatever was said about them
    ("169.254.169.254", NEVER, "cloud metadata"),
    ("100.100.100.200", NEVER, "cloud metadata"),
    ("168.63.129.16", NEVER, "cloud metadata"),
    ("192.0.0.192", NEVER, "cloud metadata"),
    ("fd00:ec2::254", NEVER, "cloud metadata"),
    ("FD00:0EC2:0:0:0:0:0:254", NEVER, "cloud metadata"),
    ("fd20:ce::254", NEVER, "cloud metadata"),
    ("169.254.0.1", NEVER, "link-local"),
    ("169.254.170.2", NEVER, "link-local"),
    ("169.254.255.255", NEVER, "link-local"),
    ("fe80::1", NEVER, "link-local"),
    ("fe80::1%eth0", NEVER, "link-local"),
    ("febf:ffff::1", NEVER, "link-local"),
    ("0.0.0.0", NEVER, "unspecified"),
    ("0.1.2.3", NEVER, "unspecified"),
    ("::", NEVER, "unspecified"),
    ("224.0.0.1", NEVER, "multicast"),
    ("239.255.255.255", NEVER, "multicast"),
    ("ff02::1", NEVER, "multicast"),
    ("255.255.255.255", NEVER, "broadcast"),
    ("", NEVER, "not an address"),
    ("localhost", NEVER, "not an address"),
    ("127.1", NEVER, "not an address"),
]

# address, its reach, the address inside that decides
CARRIERS = [
    ("::ffff:127.0.0.1", INSIDE, "127.0.0.1"),
    ("::ffff:7f00:1", INSIDE, "127.0.0.1"),
    ("0:0:0:0:0:FFFF:10.0.0.1", INSIDE, "10.0.0.1"),
    ("::ffff:169.254.169.254", NEVER, "169.254.169.254"),
    ("::ffff:100.100.100.200", NEVER, "100.100.100.200"),
    ("::ffff:0.0.0.0", NEVER, "0.0.0.0"),
    ("::ffff:1.1.1.1", PUBLIC, "1.1.1.1"),
    ("::ffff:0:127.0.0.1", INSIDE, "127.0.0.1"),
    ("::ffff:0:169.254.169.254", NEVER, "169.254.169.254"),
    ("::127.0.0.1", INSIDE, "127.0.0.1"),
    ("::a9fe:a9fe", NEVER, "169.254.169.254"),
    ("64:ff9b::7f00:1", INSIDE, "127.0.0.1"),
    ("64:ff9b::192.168.1.1", INSIDE, "192.168.1.1"),
    ("64:ff9b::a9fe:a9fe", NEVER, "169.254.169.254"),
    ("64:ff9b::", NEVER, "0.0.0.0"),
    ("64:ff9b::1.1.1.1", PUBLIC, "1.1.1.1"),
    ("64:ff9b:1::169.254.169.254", NEVER, "169.254.169.254"),
    ("64:ff9b:1:a9fe:a9:fe00::", NEVER, "169.254.169.254"),
    ("64:ff9b:1::10.0.0.1", INSIDE, "10.0.0.1"),
    ("64:ff9b:1::1.1.1.1", INSIDE, None),
    ("2002:7f00:1::", INSIDE, "127.0.0.1"),
    ("2002:a00:1::1", INSIDE, "10.0.0.1"),
    ("2002:a9fe:a9fe::1", NEVER, "169.254.169.254"),
    ("2002:101:101::1", PUBLIC, "1.1.1.1"),
    ("2001:0:a9fe:a9fe::", NEVER, "169.254.169.254"),
    ("2001:0:101:101:0:ffff:5601:5601", NEVER, "169.254.169.254"),
    ("2001:0:101:101:0:ffff:f5ff:fffe", INSIDE, "10.0.0.1"),
    ("2001:0:101:101:0:ffff:fefe:fefe", INSIDE, None),
]


@pytest.mark.parametrize(("address", "reach", "what"), ADDRESSES)
def test_every_address_has_its_reach(address, reach, what):
    verdict = judge(address)
    assert (verdict.reach, verdict.carried) == (reach, None)
    assert what in verdict.what


@pytest.mark.parametrize(("address", "reach", "carried"), CARRIERS)
def test_an_address_that_carries_another_is_no_better_than_that(address, reach, carried):
    verdict = judge(address)
    assert (verdict.reach, str(verdict.carried)) == (reach, str(carried))


CASES = [(address, reach) for address, reach, _ in [*ADDRESSES, *CARRIERS]]


@pytest.mark.parametrize(("address", "reach"), CASES)
def test_a_name_may_lead_to_public_addresses_and_with_consent_inside(address, reach):
    assert (refusal(address, Consent()) is None) == (reach is PUBLIC)
    assert (refusal(address, Consent(private=True)) is None) == (reach is not NEVER)


@pytest.mark.parametrize(("address", "reach", "_"), ADDRESSES)
def test_an_address_written_in_the_url_is_consent_for_itself(address, reach, _):
    assert (refusal(address, Consent(written(address))) is None) == (reach is not NEVER)


@pytest.mark.parametrize(("address", "reach", "carried"), CARRIERS)
def test_an_address_written_in_the_url_is_no_consent_for_one_inside_it(address, reach, carried):
    allowed = reach is PUBLIC or carried is None
    assert (refusal(address, Consent(written(address))) is None) == allowed


def test_consent_is_for_that_one_address():
    consent = Consent(ip_address("127.0.0.1"))
    assert refusal("127.0.0.1", consent) is None
    for other in ("127.0.0.2", "::1", "::ffff:127.0.0.1", "10.0.0.1"):
        assert refusal(other, consent) is not None


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost.", "127.1", "127.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1"),
        *("017700000001", "127.0.0.1.", "127.0.0.01", "127.0.0.1 ", "\uff11\uff12\uff17.0.0.1", "0", ""),
        *("127\u30020\u30020\u30021", "\u2460\u2461\u2466.0.0.1", "[::1]", "hook.example"),
    ],
)
def test_any_other_spelling_is_no_consent(host):
    assert written(host) is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "10.0.0.5",
            "leads to 10.0.0.5, a private address; write the plain address in the URL, or say allow_private = true",
        ),
        (
            "::ffff:127.0.0.1",
            "leads to ::ffff:127.0.0.1 (with 127.0.0.1 inside), a loopback address; "
            "write the plain address in the URL, or say allow_private = true",
        ),
        (
            "169.254.169.254",
            "leads to 169.254.169.254, a cloud metadata address, and those are never called",
        ),
    ],
)
def test_a_refusal_names_the_reason_and_the_remedy(address, said):
    assert refusal(address, Consent()) == said
