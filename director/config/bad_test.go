package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// problems parses what must be wrong, and returns a line for each mistake
// without the file's name.
func problems(t *testing.T, src string) string {
	t.Helper()
	c, err := Parse("d.hcl", []byte(src))
	var ps Problems
	if !errors.As(err, &ps) || c != nil {
		t.Fatalf("%+v, %v of\n%s", c, err, src)
	}
	return strings.ReplaceAll(err.Error(), "d.hcl:", "")
}

// The base is a good configuration; its line 4 begins a vip, whose lines 5 to 7
// are address, ports and servers. Bad files differ from it in one place.
const base = `interfaces = ["eth0"]
consul { address = "127.0.0.1:8500" }

vip "a" {
  address = "192.0.2.1"
  ports   = [80]
  servers = ["10.0.0.1", "10.0.0.2"]
}
`

func TestBase(t *testing.T) { mustParse(t, base) }

func many(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(format, i/250, i%250+1)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

const (
	vipServers   = `servers = ["10.0.0.1", "10.0.0.2"]`
	vipPorts     = `ports   = [80]`
	vipAddress   = `address = "192.0.2.1"`
	topInterface = `interfaces = ["eth0"]`
	topConsul    = `consul { address = "127.0.0.1:8500" }`
	vipEnd       = "\n}\n"
)

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"no interfaces", topInterface, "", `1: error: no interfaces: name those of clients and servers: interfaces = ["eth0", "eth1"]`},
		{"interfaces empty", topInterface, `interfaces = []`, `1: error: interfaces is empty ([]): name at least one interface`},
		{"interface twice", topInterface, `interfaces = ["eth0", "eth0"]`, `1: error: interface is listed twice ("eth0"): leave one of them out`},
		{"interface's name", topInterface, `interfaces = ["eth0/1"]`, `1: error: interface is not a name that interfaces have ("eth0/1"): it has 1 to 15 characters, no slash, colon or space`},
		{"interface's name too long", topInterface, `interfaces = ["abcdefghijklmnop"]`, `1: error: interface is not a name that interfaces have ("abcdefghijklmnop"): it has 1 to 15 characters, no slash, colon or space`},
		{"interfaces no list", topInterface, `interfaces = "eth0"`, `1: error: interfaces is not a list ("eth0"): write ["eth0", "eth1"]`},
		{"metrics open to all", topInterface, topInterface + "\nmetrics = \":9154\"", `2: error: metrics can be reached from elsewhere (:9154): listen on 127.0.0.1, or allow it by metrics_open = true`},
		{"metrics without port", topInterface, topInterface + "\nmetrics = \"127.0.0.1\"", `2: error: metrics is not HOST:PORT ("127.0.0.1"): write an IP address and a port, such as "127.0.0.1:9154" or "[::1]:9154"`},
		{"metrics at a name", topInterface, topInterface + "\nmetrics = \"host:9154\"", `2: error: metrics is not HOST:PORT ("host:9154"): write an IP address and a port, such as "127.0.0.1:9154" or "[::1]:9154"`},
		{"metrics at a port too high", topInterface, topInterface + "\nmetrics = \"[::1]:70000\"", `2: error: metrics is not HOST:PORT ("[::1]:70000"): write an IP address and a port, such as "127.0.0.1:9154" or "[::1]:9154"`},
		{"control relative", topInterface, topInterface + "\ncontrol = \"d.sock\"", `2: error: control is not an absolute path ("d.sock"): begin it with a slash`},
		{"control too long", topInterface, topInterface + "\ncontrol = \"/" + strings.Repeat("x", 107) + "\"",
			`2: error: control is longer than 107 bytes ("/` + strings.Repeat("x", 58) + `...): choose a shorter path: sockets have no longer ones`},
		{"state relative", topInterface, topInterface + "\nstate = \"\"", `2: error: state is not an absolute path (""): begin it with a slash`},
		{"too few connections", topInterface, topInterface + "\nconnections = 1023", `2: error: connections is not a whole number within 1024 and 16777216 (1023): write such a number`},
		{"too many connections", topInterface, topInterface + "\nconnections = 1e999", `2: error: connections is not a whole number within 1024 and 16777216 (1e999): write such a number`},
		{"half a connection", topInterface, topInterface + "\nconnections = 2048.5", `2: error: connections is not a whole number within 1024 and 16777216 (2048.5): write such a number`},
		{"a truth that is text", topInterface, topInterface + "\nmetrics_open = \"true\"", `2: error: metrics_open is not true or false ("true"): write true or false, without quotes`},
		{"nothing", topInterface, topInterface + "\ncontrol = null", `2: error: control is not a socket's path (null): write "/run/ballast/director.sock"`},
		{"a control character", topInterface, topInterface + "\ncontrol = \"/run/\\nx\"", `2: error: control has control characters or line breaks ("/run/\nx"): leave them out`},
		{"an expression", topInterface, topInterface + "\nconnections = 1024 * 2", `2: error: connections is not a whole number within 1024 and 16777216 (1024 * 2): write such a number, without quotes`},
		{"a variable in text", topInterface, topInterface + "\ncontrol = \"/run/${name}\"", `2: error: control is not a socket's path ("/run/${name}"): write "/run/ballast/director.sock"`},
		{"a word without quotes", vipPorts, vipPorts + "\n  protocol = tcp", `7: error: protocol is not in quotes (tcp): write "tcp"`},
		{"a number for a duration", topInterface, topInterface + "\nsyn { retry = 800 }", `2: error: retry is not a duration (800): put it in quotes, as "1s"`},
		{"a duration without unit", topInterface, topInterface + "\nsyn { retry = \"800\" }", `2: error: retry is not a duration ("800"): write a number with its unit, such as "800ms", "30s" or "2m"`},
		{"a duration too long", topInterface, topInterface + "\ntimeouts { udp = \"241h\" }", `2: error: udp is not within 1s and 240h ("241h"): write a duration between them`},
		{"a duration below 0", topInterface, topInterface + "\ntimeouts { udp = \"-1s\" }", `2: error: udp is not within 1s and 240h ("-1s"): write a duration between them`},
		{"too many tries", topInterface, topInterface + "\nsyn { tries = 17 }", `2: error: tries is not a whole number within 1 and 16 (17): write such a number`},
		{"a block twice", topInterface, topInterface + "\nsyn {}\nsyn {}", `3: error: second syn block in the configuration: the first is in line 2: leave one of them`},
		{"a setting twice", vipPorts, vipPorts + "\n  ports = [81]", `7: error: a setting given twice (ports): leave one of them out`},
		{"unknown at the top", topInterface, topInterface + "\nmetric = \"\"", `2: error: unknown setting in the configuration (metric): did you mean "metrics"?`},
		{"unknown block", topConsul, "cosul { }", `2: error: unknown block in the configuration (cosul): did you mean "consul"?`},
		{"nothing like it", topInterface, topInterface + "\nsyn { zzzzzzz = 1 }", `2: error: unknown setting in syn (zzzzzzz): it takes retry, tries`},
		{"a setting for a block", topInterface, topInterface + "\nsyn = { retry = \"1s\" }", `2: error: a block, not a setting (syn): write syn { ... } without =`},
		{"a block for a setting", topInterface, topInterface + "\ncontrol { }", `2: error: a setting, not a block (control): write control = ...`},
		{"a label too many", topConsul, `consul "x" { }`, `2: error: consul takes no name ("x"): leave it out`},

		{"consul's address", topConsul, `consul { address = "ftp://x:1" }`, `2: error: consul: address "ftp://x:1": scheme "ftp" is none of http, https and unix`},
		{"consul over http with TLS", topConsul, `consul { address = "http://x:1", ca_file = "x" }`, `2: error: consul: address "http://x:1" is not https, but tls is configured: write https://x:1`},
		{"consul's certificate alone", topConsul, `consul { cert_file = "x" }`, `2: error: one of cert_file and key_file is missing: give both or none: they go together`},
		{"consul's token", topConsul, `consul { token = "x" }`, `2: error: unknown setting in consul (token): did you mean "token_file"?`},
		{"consul's token nowhere", topConsul, `consul { token_file = "" }`, `2: error: token_file is empty (""): name a file, or leave the line out`},
		{"consul's wait", topConsul, `consul { wait = "1h" }`, `2: error: wait is not within 1s and 10m ("1h"): write a duration between them`},

		{"vip without name", `vip "a"`, `vip`, `4: error: vip without its name: write vip "NAME" { ... }`},
		{"vip of two names", `vip "a"`, `vip "a" "b"`, `4: error: vip takes one name ("b"): leave it out`},
		{"vip's name", `vip "a"`, `vip "A_b"`, `4: error: name of a vip ("A_b"): use 1 to 31 of the letters a-z, digits and hyphens`},
		{"no address", vipAddress, "", `4: error: no address in vip "a": write address = "192.0.2.100"`},
		{"no ports", vipPorts, "", `4: error: no ports in vip "a": write ports = [80, 443]`},
		{"no servers", vipServers, "", `4: error: no servers in vip "a": write servers = ["10.0.0.11", ...], or service = "NAME" to take them from Consul`},
		{"address with a mask", vipAddress, `address = "192.0.2.1/32"`, `5: error: address is not an IP address ("192.0.2.1/32"): write one such as 192.0.2.100 or 2001:db8::100, without port and mask`},
		{"address of many", vipAddress, `address = "224.0.0.1"`, `5: error: address is not the address of one host ("224.0.0.1"): use a unicast address`},
		{"address of none", vipAddress, `address = "0.0.0.0"`, `5: error: address is not the address of one host ("0.0.0.0"): use a unicast address`},
		{"broadcast address", vipAddress, `address = "255.255.255.255"`, `5: error: address is not the address of one host ("255.255.255.255"): use a unicast address`},
		{"loopback address", vipAddress, `address = "127.0.0.2"`, `5: error: address is a loopback address ("127.0.0.2"): packets from elsewhere never get to it or from it: use an address of an interface`},
		{"link-local address", vipAddress, `address = "fe80::1"`, `5: error: address is a link-local address ("fe80::1"): use an address that is routed`},
		{"address with a zone", vipAddress, `address = "fe80::1%eth0"`, `5: error: address has a zone ("fe80::1%eth0"): use an address that is routed`},
		{"mapped address", vipAddress, `address = "::ffff:192.0.2.1"`, `5: error: address is an IPv4 address written as IPv6 ("::ffff:192.0.2.1"): write 192.0.2.1`},
		{"ports empty", vipPorts, "ports = []", `6: error: ports is empty ([]): name at least one port`},
		{"one port", vipPorts, "ports = 80", `6: error: ports is not a list (80): write [80, 443]`},
		{"port in quotes", vipPorts, `ports = ["80"]`, `6: error: port is not a whole number within 1 and 65535 ("80"): write such a number, without quotes`},
		{"port 0", vipPorts, `ports = [0]`, `6: error: port is not a whole number within 1 and 65535 (0): write such a number`},
		{"port below 0", vipPorts, `ports = [-80]`, `6: error: port is not a whole number within 1 and 65535 (-80): write such a number`},
		{"port twice", vipPorts, `ports = [80, 80]`, `6: error: port is listed twice (80): leave one of them out`},
		{"too many ports", vipPorts, "ports = " + many(65, "%d%03d"), `6: error: ports has 65 ports, more than 64 ([0001, 0002, 0003, 0004, 0005, 0006, 0007, 0008, 0009, 0010,...): make a second vip with the same address`},
		{"scheduler", vipPorts, vipPorts + "\n  scheduler = \"wcl\"", `7: error: scheduler is unknown ("wcl"): did you mean "wlc"? It can be rr, wrr, lc, wlc, sh, maglev or load`},
		{"mode", vipPorts, vipPorts + "\n  mode = \"dsr\"", `7: error: mode is unknown ("dsr"): write one of nat or fullnat`},
		{"on_failure", vipPorts, vipPorts + "\n  on_failure = \"rest\"", `7: error: on_failure is unknown ("rest"): did you mean "reset"? It can be drain, reset or reset-if-silent`},

		{"servers empty", vipServers, "servers = []", `7: error: servers is empty ([]): name at least one server, or take them from Consul by service = "..."`},
		{"a server by name", vipServers, `servers = ["web1.example.org"]`, `7: error: server has no IP address ("web1.example.org"): write ADDRESS[:PORT] [weight=N] [fallback], and IPv6 with a port as [2001:db8::1]:80`},
		{"a server of nothing", vipServers, `servers = [" "]`, `7: error: server is empty (" "): write ADDRESS[:PORT] [weight=N] [fallback]`},
		{"a server's port 0", vipServers, `servers = ["10.0.0.1:0"]`, `7: error: server has port 0 ("10.0.0.1:0"): name a port within 1 and 65535, or none to keep the client's`},
		{"a server's weight", vipServers, `servers = ["10.0.0.1 weight=1.5"]`, `7: error: server has an unclear weight ("10.0.0.1 weight=1.5"): write weight=N with N within 0 and 65535`},
		{"a server's weight too high", vipServers, `servers = ["10.0.0.1 weight=65536"]`, `7: error: server has an unclear weight ("10.0.0.1 weight=65536"): write weight=N with N within 0 and 65535`},
		{"a server's weight twice", vipServers, `servers = ["10.0.0.1 weight=1 weight=2"]`, `7: error: server has "weight" twice ("10.0.0.1 weight=1 weight=2"): leave one of them out`},
		{"a server's option", vipServers, `servers = ["10.0.0.1 wieght=2"]`, `7: error: server has the unknown option "wieght=2" ("10.0.0.1 wieght=2"): did you mean "weight"? It is ADDRESS[:PORT] [weight=N] [fallback]`},
		{"a server at loopback", vipServers, `servers = ["127.0.0.1:80"]`, `7: error: server has an address that is a loopback address ("127.0.0.1:80"): packets from elsewhere never get to it or from it: use an address of an interface`},
		{"a server on another line", vipServers, "servers = [\n\"10.0.0.1\",\n\"10.0.0.2:x\"]", `9: error: server has no IP address ("10.0.0.2:x"): write ADDRESS[:PORT] [weight=N] [fallback], and IPv6 with a port as [2001:db8::1]:80`},
		{"a server twice", vipServers, "servers = [\"10.0.0.1\",\n\"10.0.0.1 weight=2\"]", `8: error: server is listed twice (10.0.0.1): it is in line 7: leave one of them out, or give each a port of its own`},
		{"a server twice by its port", vipServers, "servers = [\"10.0.0.1\",\n\"10.0.0.1:80\"]", `8: error: server is listed twice (10.0.0.1): it is in line 7: leave one of them out, or give each a port of its own`},
		{"a server for fallback too", vipServers, vipServers + "\nfallback = [\"10.0.0.2\"]", `8: error: server is listed twice (10.0.0.2): it is in line 7: leave one of them out, or give each a port of its own`},
		{"a server of the other family", vipServers, `servers = ["10.0.0.1", "2001:db8::1"]`, `7: error: server is IPv6, but the address of vip "a" is IPv4 (2001:db8::1): put it behind a vip with an IPv6 address`},
		{"a fallback of the other family", vipServers, vipServers + "\nfallback = [\"2001:db8::1\"]", `8: error: server is IPv6, but the address of vip "a" is IPv4 (2001:db8::1): put it behind a vip with an IPv6 address`},
		{"a server that is the vip", vipServers, `servers = ["192.0.2.1:8080"]`, `7: error: server has the address of vip "a" in line 4 (192.0.2.1): name the server's own address`},
		{"all for fallback", vipServers, `servers = ["10.0.0.1 fallback"]`, `7: error: servers are all for fallback: leave at least one without fallback`},
		{"too many servers", vipServers, "servers = " + many(1025, `"10.0.%d.%d"`), `7: error: servers has 1025 servers, more than 1024 (["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5",...): make a second vip, and share clients by DNS`},
		{"too many servers with fallback", vipServers, "servers = " + many(1000, `"10.0.%d.%d"`) + "\nfallback = " + many(25, `"10.9.%d.%d"`), `4: error: 1025 servers and fallback servers are more than 1024 in vip "a": make a second vip`},
		{"quorum above the servers", vipServers, vipServers + "\nquorum = 3", `8: error: quorum is more than the 2 servers (3): write at most 2`},

		{"service and servers", vipServers, vipServers + "\nservice = \"web\"", `8: error: both servers and service are given (web): leave one of them out`},
		{"service without Consul", base, strings.Replace(strings.Replace(base, topConsul, "", 1), vipServers, `service = "web"`, 1), `7: error: service needs a Consul (web): add consul { address = "127.0.0.1:8500" }`},
		{"service's name", vipServers, `service = "my web"`, `7: error: service is not a name ("my web"): it has 1 to 255 characters, no spaces or slashes`},
		{"register without Consul", base, strings.Replace(base, topConsul, "", 1) + "vip \"b\" {\n  address = \"192.0.2.2\"\n  ports = [80]\n  " + vipServers + "\n  register = true\n}",
			`13: error: register needs a Consul (true): add consul { address = "127.0.0.1:8500" }`},
		{"tag without service", vipServers, vipServers + "\ntag = \"x\"", `8: error: tag is for a service in Consul: leave it out, or write service instead of servers`},
		{"tag with a backquote", vipServers, "service = \"web\"\ntag = [\"`\"]", "8: error: tag has a backquote ([\"`\"]): name tags that a Consul filter can express"},
		{"by load without loads", vipServers, vipServers + "\nscheduler = \"load\"", `8: error: scheduler has no loads to go by ("load"): add reports { } to ask the servers' agents, or take the servers from Consul`},

		{"check of an unknown kind", vipEnd, "\ncheck \"htpp\" {}\n}\n", `8: error: unknown kind of check ("htpp"): did you mean "http"? It can be dns, exec, http, https, icmp, none, tcp or tls`},
		{"check without a kind", vipEnd, "\ncheck {}\n}\n", `8: error: check without its kind: write check "KIND" { ... }`},
		{"check twice", vipEnd, "\ncheck \"tcp\" {}\ncheck \"tcp\" {}\n}\n", `9: error: second check block in vip "a": the first is in line 8: leave one of them`},
		{"check's setting of another kind", vipEnd, "\ncheck \"tcp\" { path = \"/\" }\n}\n", `8: error: unknown setting in check "tcp" (path): it takes fall, interval, port, rise, timeout`},
		{"check of none with settings", vipEnd, "\ncheck \"none\" { interval = \"1s\" }\n}\n", `8: error: unknown setting in check "none" (interval): it takes no settings`},
		{"check's path", vipEnd, "\ncheck \"http\" { path = \"healthz\" }\n}\n", `8: error: check http: path "healthz" must be an absolute path such as /healthz`},
		{"check's question", vipEnd, "\ncheck \"dns\" { query = \"a..b\" }\n}\n", `8: error: check dns: "a..b" is not a domain name`},
		{"check without its program", vipEnd, "\ncheck \"exec\" {}\n}\n", `8: error: check "exec" without its program: write program = "/etc/ballast/checks/NAME"`},
		{"check's timeout", vipEnd, "\ncheck \"tcp\" { timeout = \"2s\" }\n}\n", `8: error: timeout is longer than the interval (2s): at most 1s will do`},
		{"check's interval", vipEnd, "\ncheck \"tcp\" { interval = \"1ms\" }\n}\n", `8: error: interval is not within 50ms and 1h ("1ms"): write a duration between them`},

		{"prefix too long", vipEnd, "\npersistence { prefix = 33 }\n}\n", `8: error: prefix is not a whole number within 1 and 32 (33): write such a number`},
		{"prefix of nobody", vipEnd, "\npersistence { prefix = 0 }\n}\n", `8: error: prefix is not a whole number within 1 and 32 (0): write such a number`},
		{"prefix of the other family", vipEnd, "\npersistence { prefix6 = 64 }\n}\n", `8: error: prefix6 is for the other family (64): clients of an IPv4 address have a prefix of 1 to 32`},
		{"max_ejected", vipEnd, "\nmax_ejected = 101\n}\n", `8: error: max_ejected is not a whole number within 0 and 100 (101): write such a number`},
		{"eject's base", vipEnd, "\neject { base = \"0s\" }\n}\n", `8: error: base is not within 100ms and 1h ("0s"): write a duration between them`},
		{"sources in mode nat", vipEnd, "\nsources = [\"10.0.0.7\"]\n}\n", `8: error: sources without rewriting of sources: leave it out, or write mode = "fullnat"`},
		{"source ports in mode nat", vipEnd, "\nsource_ports = \"20000-30000\"\n}\n", `8: error: source_ports without rewriting of sources: leave it out, or write mode = "fullnat"`},
		{"sources of the other family", vipEnd, "\nmode = \"fullnat\"\nsources = [\"2001:db8::7\"]\n}\n", `9: error: source is IPv6, but the address of vip "a" is IPv4 (2001:db8::7): put it behind a vip with an IPv6 address`},
		{"source twice", vipEnd, "\nmode = \"fullnat\"\nsources = [\"10.0.0.7\", \"10.0.0.7\"]\n}\n", `9: error: source is listed twice ("10.0.0.7"): leave one of them out`},
		{"source ports of no range", vipEnd, "\nmode = \"fullnat\"\nsource_ports = \"30000\"\n}\n", `9: error: source_ports is not a range of ports within 1024 and 65535 ("30000"): write FIRST-LAST, as "20000-32767"`},
		{"source ports the wrong way round", vipEnd, "\nmode = \"fullnat\"\nsource_ports = \"3000-2000\"\n}\n", `9: error: source_ports is not a range of ports within 1024 and 65535 ("3000-2000"): write FIRST-LAST, as "20000-32767"`},
		{"source ports of the system", vipEnd, "\nmode = \"fullnat\"\nsource_ports = \"80-2000\"\n}\n", `9: error: source_ports is not a range of ports within 1024 and 65535 ("80-2000"): write FIRST-LAST, as "20000-32767"`},

		{"unclosed block", vipEnd, "\n", `4: error: unclosed configuration block: there is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file`},
		{"comma between lines", vipAddress, vipAddress + ",", `5: error: unexpected comma after argument: argument definitions must be separated by newlines, not commas. An argument definition must end with a newline`},
		{"comma with nothing before it", topConsul, `consul { , address = "127.0.0.1:8500" }`, "2: error: argument or block definition required: an argument or block definition is required here\n" +
			"3: error: invalid single-argument block definition: an argument definition on the same line as its containing block creates a single-line block definition, which must also be closed on the same line. Place the block's closing brace immediately after the argument definition"},
		{"no comma on one line", topConsul, `consul { address = "127.0.0.1:8500" datacenter = "dc1" }`, "2: error: settings on one line without a comma (datacenter): write { a = 1, b = 2 }, or a line for each"},
		{"nested too deep", vipPorts, "ports = " + strings.Repeat("[", 40), `6: error: nested too deep: at most 32 levels and operators are read`},
		{"too many operators", vipPorts, "ports = " + strings.Repeat("!\n", 40), `38: error: nested too deep: at most 32 levels and operators are read`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(base, c.old) {
				t.Fatalf("no %q in the base", c.old)
			}
			if got := problems(t, strings.Replace(base, c.old, c.new, 1)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestVIPs finds what is wrong between VIPs.
func TestVIPs(t *testing.T) {
	second := func(name, settings string) string { return base + "vip \"" + name + "\" {\n" + settings + "\n}\n" }
	for _, c := range []struct{ name, src, want string }{
		{"same name", second("a", "address = \"192.0.2.2\"\nports = [80]\nservers = [\"10.0.0.1\"]"),
			`9: error: name of a second vip ("a"): the first is in line 4: choose another name`},
		{"same address and port", second("b", "address = \"192.0.2.1\"\nports = [443, 80]\nservers = [\"10.0.0.1\"]"),
			`10: error: vip "b" is served already by vip "a" in line 4 (192.0.2.1:80 tcp): give one of them another address, port or protocol`},
		{"a server is the other vip", second("b", "address = \"192.0.2.2\"\nports = [80]\nservers = [\"192.0.2.1:8080\"]"),
			`12: error: server has the address of vip "a" in line 4 (192.0.2.1): name the server's own address`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := problems(t, c.src); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	mustParse(t, second("b", "address = \"192.0.2.1\"\nports = [80]\nprotocol = \"udp\"\nservers = [\"10.0.0.1\"]"))
	mustParse(t, second("b", "address = \"192.0.2.1\"\nports = [81]\nservers = [\"10.0.0.1\"]"))
	var all strings.Builder
	all.WriteString("interfaces = [\"eth0\"]\n")
	for i := range MaxVIPs + 1 {
		fmt.Fprintf(&all, "vip \"v%d\" {\naddress = \"192.0.2.1\"\nports = [%d]\nservers = [\"10.0.0.1\"]\n}\n", i, i+1)
	}
	if got, want := problems(t, all.String()), "1282: error: more than 256 vips: leave some to another director"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAllAtOnce tells all mistakes in the file's order.
func TestAllAtOnce(t *testing.T) {
	got := problems(t, `interfaces = [eth0]
conections = 5
timeouts { udp = "1x", tcp = "5s" }
vip "web" {
  address = "10.0.0.300"
  ports   = [80, "443",
    70000]
  persistencee { }
  servers = ["10.0.0.1 wieght=2",
    "::ffff:1.2.3.4"]
  quorum  = 7
}
vip "WEB" { servers = ["10.0.0.1"], address = "192.0.2.1", quorum = 0 }
`)
	var places []string
	for line := range strings.Lines(got) {
		what, _, _ := strings.Cut(line, " (")
		places = append(places, strings.TrimSpace(what))
	}
	want := []string{
		"1: error: interface is not in quotes",
		"2: error: unknown setting in the configuration",
		"3: error: udp is not a duration",
		"3: error: unknown setting in timeouts",
		"5: error: address is not an IP address",
		"6: error: port is not a whole number within 1 and 65535",
		"7: error: port is not a whole number within 1 and 65535",
		"8: error: unknown block in vip \"web\"",
		"9: error: server has the unknown option \"wieght=2\"",
		"10: error: server has an address that is an IPv4 address written as IPv6",
		`13: error: no ports in vip "WEB": write ports = [80, 443]`,
		"13: error: name of a vip",
		"13: error: quorum is not a whole number within 1 and 1024",
	}
	if strings.Join(places, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(places, "\n"), strings.Join(want, "\n"))
	}
}
