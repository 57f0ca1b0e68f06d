"""The parameters about servers, proxies, transfers and access."""

from __future__ import annotations

from parrot_py.config.kinds import (
    COUNT,
    FAMILY,
    FILE,
    FLAG,
    HEADERS,
    PAUSE,
    PROXIES,
    SCRIPTS,
    SECONDS,
    SERVERS,
    TEXT,
)
from parrot_py.config.parameters import Parameter as P

_NEWER = "not in release 2.12, which this client follows; set CVMFS_SERVER_URL"

SERVERS_AND_PROXIES = (
    P("CVMFS_SERVER_URL", SERVERS, "servers, tried in order; `@fqrn@`, `@org@` and the like are replaced", "urls"),
    P("CVMFS_USE_GEOAPI", FLAG, "ask a server for the order of servers by distance", "use_geoapi", "no"),
    P("CVMFS_MAX_SERVERS", COUNT, "use only the first so many servers of the order; 0: all", "max_servers", "0"),
    P("CVMFS_PROXY_TEMPLATE", TEXT, "the name to ask the geo API with", "proxy_template"),
    P("CVMFS_USE_CDN", FLAG, "use the servers of a content delivery network where the built-in list has them; not set: "
      "yes if the proxies are exactly `auto;DIRECT`", "urls", "no", plain=False),
    P("CVMFS_CLIENT_PROFILE", TEXT, "`single`: the default of the proxies is `auto;DIRECT`; `single` and `custom`: no "
      "built-in fallback proxies", "proxies fallback_proxies", plain=False),
    P("CVMFS_HTTP_PROXY", PROXIES, "proxies: groups tried in order, members that share the load (see Proxies)",
      "proxies", "DIRECT", "must be set", plain=False),
    P("CVMFS_FALLBACK_PROXY", PROXIES, "groups to use after all others; with them nothing goes `DIRECT`",
      "fallback_proxies proxies", "– ; the public ones for a proxy from files", "–", plain=False),
    P("CVMFS_PAC_URLS", SCRIPTS, "proxy auto-configuration files for the proxy `auto`, the first that answers",
      "pac_urls", "the well-known ones", "–", plain=False),
    P("CVMFS_PROXY_SHARD", FLAG, "choose the member of a group by the object's hash", "proxy_shard", "no"),
    P("CVMFS_PROXY_SHARDING_POLICY", TEXT, "name of a module that chooses proxies",
      ignored="there are no modules to load"),
    P("CVMFS_IPFAMILY_PREFER", FAMILY, "the addresses of a proxy to prefer", "ipfamily", "4"),
    P("CVMFS_IPV4_ONLY", TEXT, "set (to anything, or as a variable of the environment): IPv4 only", "ipv4_only",
      plain=False),
    P("CVMFS_MAX_IPADDR_PER_PROXY", COUNT, "use only so many addresses of a proxy's name; 0: all",
      "max_addresses_per_proxy", "0"),
    P("CVMFS_DNS_TIMEOUT", SECONDS, "wait so long for a name server", "dns_timeout", "3"),
    P("CVMFS_DNS_RETRIES", COUNT, "ask a name server so many times more", "dns_retries", "1"),
    P("CVMFS_DNS_MIN_TTL", SECONDS, "remember addresses at least so long", "dns_min_ttl", "60"),
    P("CVMFS_DNS_MAX_TTL", SECONDS, "remember addresses at most so long", "dns_max_ttl", "86400"),
    P("CVMFS_DNS_SERVER", TEXT, "address of the name server to ask instead of the system's", "dns_server"),
    P("CVMFS_DNS_ROAMING", FLAG, "look for other name servers again and again",
      ignored="the system's resolver does so by itself"),
    P("CVMFS_METALINK_URL", SERVERS, "a server that knows the servers", ignored=_NEWER),
    P("CVMFS_EXTERNAL_METALINK", SERVERS, "the same for external data", ignored=_NEWER),
    P("CVMFS_METALINK_RESET_AFTER", SECONDS, "forget what it said after so long", ignored=_NEWER),
    P("CVMFS_PARTIAL_REPLICA_MODE", TEXT, "what to do about servers that have only a part", ignored=_NEWER),
    P("CVMFS_FULL_STRATUM1_URL", SERVERS, "the server that has all", ignored=_NEWER),
)  # fmt: skip

TRANSFERS = (
    P("CVMFS_TIMEOUT", SECONDS, "wait so long for an answer through a proxy, and tolerate a slow one so long",
      "timeout", "5"),
    P("CVMFS_TIMEOUT_DIRECT", SECONDS, "the same without a proxy", "timeout_direct", "10", "5; 10"),
    P("CVMFS_LOW_SPEED_LIMIT", COUNT, "bytes a second; less for the time-out's length is too slow", "low_speed_limit",
      "1024"),
    P("CVMFS_MAX_RETRIES", COUNT, "repeat a broken transfer so many times", "max_retries", "1"),
    P("CVMFS_BACKOFF_INIT", PAUSE, "pause before the first repetition, at most; doubled each time", "backoff_init",
      "2"),
    P("CVMFS_BACKOFF_MAX", PAUSE, "upper limit of the pauses", "backoff_max", "10"),
    P("CVMFS_PROXY_RESET_AFTER", PAUSE, "go back to the first proxies after so long; 0: never", "proxy_reset_after",
      "300"),
    P("CVMFS_HOST_RESET_AFTER", PAUSE, "go back to the first server after so long; 0: never", "host_reset_after",
      "1800"),
    P("CVMFS_FAILOVER_INDEFINITELY", FLAG, "begin anew when no server is left, until -T ends it",
      "failover_indefinitely", "no"),
    P("CVMFS_FOLLOW_REDIRECTS", FLAG, "follow redirections of a server, at most 4", "follow_redirects", "no"),
    P("CVMFS_SEND_INFO_HEADER", FLAG, "tell servers the path of the file: `cvmfs-info`", "send_info_header", "no"),
    P("CVMFS_HTTP_TRACING", FLAG, "tell servers process, user and group: `X-CVMFS-…`", "http_tracing", "no"),
    P("CVMFS_HTTP_TRACING_HEADERS", HEADERS, "more headers of that kind", "http_tracing_headers"),
    P("CERNVM_UUID", TEXT, "appended to the `User-Agent`", "uuid"),
    P("CVMFS_PREFETCH_FILEBUNDLES", FLAG, "fetch what a `.cvmfsbundle-` file lists with its trigger",
      "prefetch_bundles", "yes", "no"),
    P("CVMFS_BUNDLE_POOL_SIZE", COUNT, "threads for that", ignored="the limit of parallel transfers counts"),
)  # fmt: skip

EXTERNAL = (
    P("CVMFS_EXTERNAL_URL", SERVERS, "servers of external data", "external_urls"),
    P("CVMFS_EXTERNAL_HTTP_PROXY", PROXIES, "proxies for external data", "external_proxies", "DIRECT", plain=False),
    P("CVMFS_EXTERNAL_FALLBACK_PROXY", PROXIES, "groups to use after those", "external_fallback_proxies", plain=False),
    P("CVMFS_EXTERNAL_TIMEOUT", SECONDS, "as CVMFS_TIMEOUT", "external_timeout", "CVMFS_TIMEOUT", plain=False),
    P("CVMFS_EXTERNAL_TIMEOUT_DIRECT", SECONDS, "as CVMFS_TIMEOUT_DIRECT", "external_timeout_direct",
      "CVMFS_TIMEOUT_DIRECT", plain=False),
    P("CVMFS_EXTERNAL_MAX_SERVERS", COUNT, "as CVMFS_MAX_SERVERS", "external_max_servers", "0"),
)  # fmt: skip

ACCESS = (
    P("X509_CERT_DIR", FILE, "directory of CA certificates for https", "ca_dir", "/etc/grid-security/certificates",
      plain=False),
    P("X509_CERT_BUNDLE", FILE, "file of CA certificates for https", "ca_bundle", plain=False),
    P("CVMFS_USE_SSL_SYSTEM_CA", FLAG, "trust the CA certificates of the system", "system_ca", "no"),
    P("CVMFS_AUTHZ_HELPER", FILE, "program that checks membership for protected repositories", "authz_helper"),
    P("CVMFS_AUTHZ_SEARCH_PATH", FILE, "directory of such programs (`cvmfs_<schema>_helper`)", "authz_search_path",
      "/usr/libexec/cvmfs/authz"),
    P("CVMFS_AUTHZ_<name>", TEXT, "variable `<name>` in the environment of that program", "authz_environ", plain=False),
)  # fmt: skip

SECTIONS = (
    ("Servers and proxies", SERVERS_AND_PROXIES),
    ("Transfers", TRANSFERS),
    ("External data", EXTERNAL),
    ("https and protected repositories", ACCESS),
)
