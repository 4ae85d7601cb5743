import pytest

from pod_jobs.jobs import sentinel
from pod_jobs.jobs.connection import PromptRedis


def test_an_address_of_sentinels() -> None:
    url = "redis+sentinel://pod:p%40ss@a.example.org:5000,b.example.org,[::1]:5001/my%20jobs/3"
    found = sentinel.parse(f"{url}?sentinel_username=watch&sentinel_password=s%26&socket_timeout=4")
    assert found.sentinels == (("a.example.org", 5000), ("b.example.org", 26379), ("::1", 5001))
    assert found.service == "my jobs"
    assert found.own == {"username": "watch", "password": "s&"}
    kept = {name: value for name, value in found.options.items() if name != "connection_class"}
    assert kept == {"username": "pod", "password": "p@ss", "db": 3, "socket_timeout": 4.0}


def test_tls_is_for_sentinels_and_servers() -> None:
    found = sentinel.parse("rediss+sentinel://a/jobs/0?ssl_ca_certs=/etc/ssl/own.pem")
    assert found.own == {"ssl": True, "ssl_ca_certs": "/etc/ssl/own.pem"}
    assert found.options["connection_class"] is sentinel.FollowingWithTls
    assert found.options["ssl_ca_certs"] == "/etc/ssl/own.pem"


@pytest.mark.parametrize(
    "url", ["redis+sentinel://a:26379", "redis+sentinel:///jobs", "redis+sentinel://u:p@/jobs", "redis+sentinel://a/"]
)
def test_an_address_that_lacks_something_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT/SERVICE") as refusal:
        sentinel.parse(url)
    assert "p@" not in str(refusal.value)


def test_what_the_address_says_counts_more_than_our_own_options() -> None:
    with PromptRedis.from_url("redis+sentinel://a/jobs?socket_timeout=9") as connection:
        assert connection.connection_pool.connection_kwargs["socket_timeout"] == 9
    with PromptRedis.from_url("redis+sentinel://a/jobs") as connection:
        assert connection.connection_pool.connection_kwargs["socket_timeout"] == 2


@pytest.mark.parametrize("password", ["geheim/x", "geheim\u2100x", "geheim#x", "geheim[x"])
def test_a_password_that_is_not_encoded_is_not_shown(password: str) -> None:
    with pytest.raises(ValueError, match="%2F") as refusal:
        sentinel.parse(f"redis+sentinel://u:{password}@h:26379/jobs/0")
    assert "geheim" not in str(refusal.value) and refusal.value.__cause__ is None and refusal.value.__suppress_context__


def test_the_hosts_of_an_address() -> None:
    assert sentinel.hosts_of("redis+sentinel://u:p@a:1,b/jobs/0") == ["a", "b"]
    assert sentinel.hosts_of("rediss://u:p@c:6379/0") == ["c"]
    assert sentinel.hosts_of("unix:///run/redis.sock") == [] == sentinel.hosts_of("")
