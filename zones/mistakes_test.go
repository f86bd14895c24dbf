package zones

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// mistakes are zones with something wrong, and all that has to be said of
// them: line:column severity: message; remedy. The text begins at line 5.
var mistakes = []struct {
	name, text string
	want       []string
}{
	{
		"unknown type", "www IN AA 192.0.2.1", []string{
			"5:8 error: unknown record type `AA`: did you mean `A`?; ",
		},
	},
	{
		"no such word", "www 300 IN bogus 192.0.2.1", []string{
			"5:12 error: `bogus` is neither a TTL, a class nor a record type; a record is `NAME TTL IN TYPE DATA`, like `www 300 IN A 192.0.2.1`",
		},
	},
	{
		"no type", "www 300 IN", []string{
			"5:0 error: record has no type; a record is `NAME TTL IN TYPE DATA`, like `www 300 IN A 192.0.2.1`",
		},
	},
	{
		"only a name", "www", []string{
			"5:0 error: record has no type; a record is `NAME TTL IN TYPE DATA`, like `www 300 IN A 192.0.2.1`",
		},
	},
	{
		"second TTL", "www 300 300 IN A 192.0.2.1", []string{
			"5:9 error: `300` is neither a TTL, a class nor a record type; a record is `NAME TTL IN TYPE DATA`, like `www 300 IN A 192.0.2.1`",
		},
	},
	{
		"bad TTL", "www 3x00 IN A 192.0.2.1", []string{
			"5:5 error: `3x00` is not a TTL; write seconds, like 300, or units, like 1h30m",
		},
	},
	{
		"TTL over 31 bits", "www 2147483648 IN A 192.0.2.1", []string{
			"5:5 error: TTL 2147483648 is longer than 31 bits; write at most 2147483647 seconds",
		},
	},
	{
		"class", `www CH TXT "x"`, []string{
			"5:5 error: class CH is not served; write IN",
		},
	},
	{
		"no data", "www IN A", []string{
			"5:0 error: A has no data; A takes an IPv4 address, like `A 192.0.2.1`",
		},
	},
	{
		"no data TXT", "www IN TXT ( )", []string{
			"5:0 error: TXT has no data; TXT takes text in quotes, like `TXT \"some text\"`",
		},
	},
	{
		"IPv4", "www IN A 192.0.2.256", []string{
			"5:10 error: A: `192.0.2.256` is not an IPv4 address; A takes an IPv4 address, like `A 192.0.2.1`",
		},
	},
	{
		"IPv4 for AAAA", "www IN AAAA 192.0.2.1", []string{
			"5:13 error: AAAA: `192.0.2.1` is not an IPv6 address; use A for IPv4 addresses",
		},
	},
	{
		"IPv6 for A", "www IN A 2001:db8::1", []string{
			"5:10 error: A: `2001:db8::1` is not an IPv4 address; use AAAA for IPv6 addresses",
		},
	},
	{
		"too much", "www IN A 192.0.2.1 192.0.2.2", []string{
			"5:20 error: A: `192.0.2.2` is too much; A takes an IPv4 address, like `A 192.0.2.1`",
		},
	},
	{
		"MX without preference", "@ IN MX ns1", []string{
			"5:9 error: MX: `ns1` is not a preference of 0..65535; MX takes preference and name, like `MX 10 mail`",
		},
	},
	{
		"SRV short", "_a._tcp IN SRV 10 5 8080", []string{
			"5:0 error: SRV: a domain name is missing; SRV takes priority, weight, port and name, like `SRV 10 5 8080 web1`",
		},
	},
	{
		"SRV shorter", "_a._tcp IN SRV 10 5", []string{
			"5:0 error: SRV: a port of 0..65535 is missing; SRV takes priority, weight, port and name, like `SRV 10 5 8080 web1`",
		},
	},
	{
		"SRV weight", "_a._tcp IN SRV 10 heavy 8080 ns1", []string{
			"5:19 error: SRV: `heavy` is not a weight of 0..65535; SRV takes priority, weight, port and name, like `SRV 10 5 8080 web1`",
		},
	},
	{
		"bad owner", "a..b IN A 192.0.2.1", []string{
			"5:1 error: `a..b` is not a domain name; labels are 1..63 octets with dots between them, the whole at most 255",
		},
	},
	{
		"long label", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa IN A 192.0.2.1", []string{
			"5:1 error: `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is not a domain name; labels are 1..63 octets with dots between them, the whole at most 255",
		},
	},
	{
		"bad target", "www IN CNAME a..b", []string{
			"5:14 error: CNAME: `a..b` is not a domain name; CNAME takes one name, like `CNAME www`",
		},
	},
	{
		"quote", "www IN TXT \"never ends\nx IN A 192.0.2.1", []string{
			`5:12 error: quote is not closed on its line; write " at the end of the text`,
		},
	},
	{
		"paren open", "www IN TXT ( \"a\"\n  \"b\"\nx IN A 192.0.2.256", []string{
			"5:12 error: parenthesis is never closed; write `)` after the last value",
			"7:8 error: A: `192.0.2.256` is not an IPv4 address; A takes an IPv4 address, like `A 192.0.2.1`",
		},
	},
	{
		"paren close", `www IN TXT "a" )`, []string{
			"5:16 error: closing parenthesis without an opening one; remove it, or write `(` before the first value",
		},
	},
	{
		"control", "www IN TXT a\x01b", []string{
			`5:13 error: control character 0x01; write it as \001`,
		},
	},
	{
		"directive", "$TTTL 300", []string{
			"5:0 error: unknown directive `$TTTL`; known are $ORIGIN, $TTL, $INCLUDE and $GENERATE; write `\\$` for a name that begins with a dollar",
		},
	},
	{
		"TTL dir", "$TTL abc", []string{
			"5:6 error: `abc` is not a TTL; write seconds, like 300, or units, like 1h30m",
		},
	},
	{
		"TTL dir none", "$TTL", []string{
			"5:0 error: $TTL has too few values; write `$TTL 3600`",
		},
	},
	{
		"ORIGIN dir", "$ORIGIN a..b", []string{
			"5:9 error: $ORIGIN: `a..b` is not a domain name; write `$ORIGIN example.org.`",
		},
	},
	{
		"ORIGIN dir much", "$ORIGIN a b", []string{
			"5:11 error: $ORIGIN: `b` is too much; write `$ORIGIN example.org.`",
		},
	},
	{
		"INCLUDE dir", "$INCLUDE nowhere.zone", []string{
			"5:0 error: cannot include nowhere.zone: file does not exist; paths are relative to the file that includes",
		},
	},
	{
		"INCLUDE self", "$INCLUDE test.zone", []string{
			"5:0 error: test.zone includes itself, by way of test.zone; remove one of the $INCLUDE lines",
		},
	},
	{
		"GENERATE range", "$GENERATE 9-1 h$ A 192.0.2.$", []string{
			"5:11 error: $GENERATE: `9-1` is not a range; write `1-9` or `0-254/2`",
		},
	},
	{
		"GENERATE data", "$GENERATE 1-9 h$ A 192.0.2.x$", []string{
			"5:0 error: $GENERATE: A: `192.0.2.x1` is not an IPv4 address; A takes an IPv4 address, like `A 192.0.2.1`",
		},
	},
	{
		"GENERATE short", "$GENERATE 1-9 h$ A", []string{
			"5:0 error: $GENERATE has too few values; write `$GENERATE 1-9 NAME TTL IN TYPE DATA`, with $ for the number",
		},
	},
	{
		"GENERATE many", "$GENERATE 1-99999 h$ A 192.0.2.1", []string{
			"5:11 error: $GENERATE: range 1-99999 makes more than 65536 records; split it",
		},
	},
	{
		"GENERATE out of range", "$GENERATE 250-260 h$ A 192.0.2.$", []string{
			"5:0 error: $GENERATE: A: `192.0.2.256` is not an IPv4 address; A takes an IPv4 address, like `A 192.0.2.1`",
		},
	},
	{
		"GENERATE LB", "$GENERATE 1-3 h$ LB consul web$ answer=2", []string{
			"5:15 error: unknown option `answer=`: did you mean `answers=`?; ",
		},
	},
	{
		"out of zone", "www.example.net. IN A 192.0.2.1", []string{
			"5:0 error: name www.example.net. is not in the zone example.org.; remove it, or check $ORIGIN and dots at the end of names",
		},
	},
	{
		"doubled", "www.example.org IN A 192.0.2.1", []string{
			"5:0 warning: name www.example.org.example.org. has the origin in it twice; end the name with a dot if it was meant to be whole",
		},
	},
	{
		"second SOA", "@ IN SOA ns1 hostmaster 1 2 3 4 5", []string{
			"5:0 error: second SOA: there is one on line 2; keep one of them",
		},
	},
	{
		"SOA elsewhere", "sub IN SOA ns1 hostmaster 1 2 3 4 5", []string{
			"5:0 error: SOA is at sub.example.org. and not at the zone's origin example.org.; move it to example.org., or load the file as the zone that it is",
		},
	},
	{
		"SOA short", "@ IN SOA ns1 hostmaster 1 2 3 4", []string{
			"5:0 error: SOA: a value is missing; SOA takes name server, mailbox, serial, refresh, retry, expire and minimum, like `SOA ns1 hostmaster 2026010101 7200 900 1209600 30`",
		},
	},
	{
		"SOA number", "@ IN SOA ns1 hostmaster 1 2 x 4 5", []string{
			"5:29 error: SOA: `x` is not a number of seconds; SOA takes name server, mailbox, serial, refresh, retry, expire and minimum, like `SOA ns1 hostmaster 2026010101 7200 900 1209600 30`",
		},
	},
	{
		"CNAME beside", "www IN CNAME ns1\nwww IN A 192.0.2.1", []string{
			"5:0 error: CNAME at www.example.org. stands beside other data: A on line 6; remove the CNAME, or move the other records to the name that it points to",
		},
	},
	{
		"two CNAMEs", "www IN CNAME ns1\nwww IN CNAME mail.example.net.", []string{
			"6:0 error: second CNAME at www.example.org.: there is one on line 5; keep one of them",
		},
	},
	{
		"CNAME at apex", "@ IN CNAME ns1", []string{
			"5:0 error: CNAME at example.org. stands beside other data: SOA on line 2; remove the CNAME, or move the other records to the name that it points to",
		},
	},
	{
		"service that leads elsewhere", "www LB consul ../../kv/secret\napi LB consul a/b", []string{
			"5:15 error: `../../kv/secret` is not a service name; write the name as Consul lists it",
		},
	},
	{
		"LB beside CNAME", "www LB consul web\nwww IN CNAME ns1", []string{
			"5:0 error: LB at www.example.org. stands beside a CNAME on line 6; remove one of them",
		},
	},
	{
		"LB beside A", "www LB consul web\nwww IN A 192.0.2.1\nwww IN AAAA ::1", []string{
			"5:0 error: LB at www.example.org. stands beside A on line 6, and only one could answer; remove either; servers belong into the pool",
			"5:0 error: LB at www.example.org. stands beside AAAA on line 7, and only one could answer; remove either; servers belong into the pool",
		},
	},
	{
		"LB twice", "www LB consul web\nwww LB consul web2", []string{
			"6:0 error: second LB at www.example.org.: there is one on line 5; keep one of them",
		},
	},
	{
		"LB below cut", "sub IN NS ns.example.net.\nwww.sub LB consul web", []string{
			"6:0 error: LB at www.sub.example.org. is never served: sub.example.org. is delegated by NS on line 5; remove the LB, or remove the delegation and serve the names here",
		},
	},
	{
		"LB at cut", "sub IN NS ns.example.net.\nsub LB consul web", []string{
			"6:0 error: LB at sub.example.org. is never served: sub.example.org. is delegated by NS on line 5; remove the LB, or remove the delegation and serve the names here",
		},
	},
	{
		"NS no addr", "@ IN NS ns2\nns2 IN TXT x", []string{
			"5:0 warning: NS points to ns2.example.org., which has no address; add an A or AAAA record for it",
		},
	},
	{
		"NS missing", "@ IN NS ns2", []string{
			"5:0 warning: NS points to ns2.example.org., which does not exist; add an A or AAAA record for it, or correct the name",
		},
	},
	{
		"NS CNAME", "@ IN NS ns2\nns2 IN CNAME ns1", []string{
			"5:0 warning: NS points to ns2.example.org., which is a CNAME on line 6; name the server itself (RFC 2181 section 10.3)",
		},
	},
	{
		"MX CNAME", "@ IN MX 10 m\nm IN CNAME ns1", []string{
			"5:0 warning: MX points to m.example.org., which is a CNAME on line 6; name the server itself (RFC 2181 section 10.3)",
		},
	},
	{
		"MX missing", "@ IN MX 10 m", []string{
			"5:0 warning: MX points to m.example.org., which does not exist; add an A or AAAA record for it, or correct the name",
		},
	},
	{
		"MX doubled", "@ IN MX 10 ns1.example.org", []string{
			"5:0 warning: MX points to ns1.example.org.example.org., which does not exist; end the name with a dot if it was meant to be whole",
		},
	},
	{
		"SRV missing", "_a._tcp IN SRV 0 0 1 m", []string{
			"5:0 warning: SRV points to m.example.org., which does not exist; add an A or AAAA record for it, or correct the name",
		},
	},
	{
		"LB srv missing", "www LB srv _a._tcp", []string{
			"5:0 error: LB srv _a._tcp.example.org. does not exist; add records like `_http._tcp 60 IN SRV 10 5 8080 web1`",
		},
	},
	{
		"LB srv no SRV", "www LB srv _a._tcp\n_a._tcp TXT x", []string{
			"5:0 error: LB srv _a._tcp.example.org. has no SRV records; add records like `_http._tcp 60 IN SRV 10 5 8080 web1`",
		},
	},
	{
		"LB srv outside", "www LB srv _a._tcp.example.net.", []string{
			"5:0 error: LB srv _a._tcp.example.net. is not in the zone example.org.; name SRV records of this zone, or use `LB consul`",
		},
	},
	{
		"LB member outside", "www LB srv _a._tcp\n_a._tcp SRV 0 0 80 a.example.net.", []string{
			"6:0 error: server a.example.net. of LB www.example.org. is not in the zone example.org., so its address is not known; add an A record for it under a name of this zone, or use `LB consul`",
		},
	},
	{
		"LB member no address", "www LB srv _a._tcp\n_a._tcp SRV 0 0 80 m", []string{
			"6:0 error: server m.example.org. of LB www.example.org. has no address; add an A or AAAA record for it",
		},
	},
	{
		"LB member CNAME", "www LB srv _a._tcp\n_a._tcp SRV 0 0 80 m\nm CNAME ns1", []string{
			"6:0 error: server m.example.org. of LB www.example.org. is a CNAME; point SRV to the name with the address (RFC 2782)",
		},
	},
	{
		"LB member twice", "www LB srv _a._tcp\n_a._tcp SRV 0 0 80 ns1\n_a._tcp SRV 1 0 80 NS1", []string{
			"7:0 error: server ns1.example.org:80 of LB www.example.org. is there already, on line 6; keep one of them",
		},
	},
	{
		"LB member none", "www LB srv _a._tcp\n_a._tcp SRV 0 0 0 .", []string{
			"6:0 error: SRV of LB www.example.org. says that there is no server; name a server, or remove the record",
		},
	},
	{
		"LB member port 0", "www LB srv _a._tcp\n_a._tcp SRV 0 0 0 ns1", []string{
			"6:0 error: server ns1.example.org:0 of LB www.example.org. has port 0, which cannot be checked; write its port, or give one like `check=tcp:9000`",
		},
	},
	{
		"min-ttl", "www 10 LB consul web min-ttl=30", []string{
			"5:0 error: min-ttl=30 is longer than the record's TTL 10; raise the TTL or lower min-ttl",
		},
	},
	{
		"TTL 0", "www 0 LB consul web", []string{
			"5:0 error: LB at www.example.org. has a TTL of 0; write the longest TTL that an answer may have, like 30",
		},
	},
	{
		"fallback missing", "www LB consul web empty=sorry", []string{
			"5:0 error: empty=sorry.example.org. does not exist; add an A or AAAA record for it, or correct the name",
		},
	},
	{
		"fallback outside", "www LB consul web empty=sorry.example.net.", []string{
			"5:0 error: empty=sorry.example.net. is not in the zone example.org.; name A or AAAA records of this zone",
		},
	},
	{
		"fallback itself", "www LB consul web empty=www", []string{
			"5:0 error: empty=www.example.org. is the record's own name; name A or AAAA records of this zone",
		},
	},
	{
		"fallback circle", "www LB consul web empty=api\napi LB consul api empty=www", []string{
			"5:0 error: empty=api.example.org. leads back to www.example.org.; let one of them fall back to A or AAAA records",
			"6:0 error: empty=www.example.org. leads back to api.example.org.; let one of them fall back to A or AAAA records",
		},
	},
	{
		"fallback no address", "www LB consul web empty=t\nt TXT x", []string{
			"5:0 warning: empty=t.example.org. has no address; add an A or AAAA record for it",
		},
	},
	{
		"fallback delegated", "www LB consul web empty=a.sub\nsub NS ns1\na.sub A 192.0.2.1", []string{
			"5:0 error: empty=a.sub.example.org. is in a delegated zone; name A or AAAA records of this zone",
			"7:0 warning: A at a.sub.example.org. is never served: sub.example.org. is delegated by NS on line 6; move it into the delegated zone",
		},
	},
	{
		"occluded", "sub NS ns1\na.sub A 192.0.2.1\nsub TXT x", []string{
			"6:0 warning: A at a.sub.example.org. is never served: sub.example.org. is delegated by NS on line 5; move it into the delegated zone",
			"7:0 warning: TXT at sub.example.org. is never served: sub.example.org. is delegated by NS on line 5; move it into the delegated zone",
		},
	},
	{
		"glue", "sub NS ns.sub\nns.sub A 192.0.2.1", []string{},
	},
	{
		"duplicate", "www A 192.0.2.1\nwww A 192.0.2.1", []string{
			"6:0 warning: A at www.example.org. is there already, on line 5; remove one of them",
		},
	},
	{
		"TTLs", "www 30 A 192.0.2.1\nwww 60 A 192.0.2.2", []string{
			"6:0 warning: TTL 60 of A at www.example.org. differs from 30 on line 5; give them the same; the lowest is used",
		},
	},
	{
		"DNAME child", "d DNAME example.net.\nx.d A 192.0.2.1\ny.d LB consul web", []string{
			"6:0 error: x.d.example.org. is below the DNAME at d.example.org. on line 5; move the record to the DNAME's target, or remove the DNAME",
			"7:0 error: y.d.example.org. is below the DNAME at d.example.org. on line 5; move the record to the DNAME's target, or remove the DNAME",
		},
	},
	{
		"DNAME self", "d DNAME x.d", []string{
			"5:0 error: DNAME at d.example.org. points to x.d.example.org., which it covers itself; point it outside of itself",
		},
	},
	{
		"CNAME self", "c CNAME c", []string{
			"5:0 warning: CNAMEs go in a circle: c.example.org. -> c.example.org.; let one of them point to a name with records",
		},
	},
	{
		"CNAME circle", "c CNAME d\nd CNAME e\ne CNAME c", []string{
			"5:0 warning: CNAMEs go in a circle: c.example.org. -> d.example.org. -> e.example.org. -> c.example.org.; let one of them point to a name with records",
		},
	},
	{
		"CNAME wildcard", "*.w CNAME x.w", []string{
			"5:0 warning: CNAMEs go in a circle: *.w.example.org. -> *.w.example.org.; let one of them point to a name with records",
		},
	},
	{
		"two DNAMEs", "d DNAME example.net.\nd DNAME example.com.", []string{
			"6:0 error: second DNAME at d.example.org.: there is one on line 5; keep one of them",
		},
	},
	{
		"meta type", `x ANY \# 0`, []string{
			"5:0 error: type ANY cannot stand in a zone; remove it",
		},
	},
	{
		"policy", "www LB consul web policy=headrom", []string{
			"5:0 error: unknown policy `headrom`: did you mean `headroom`?; ",
		},
	},
	{
		"policy none like", "www LB consul web policy=x", []string{
			"5:0 error: unknown policy `x`; known are headroom, wrr",
		},
	},
	{
		"several options", "www LB consul web polcy=x answers=99 ( tag=\n  check=tcp )", []string{
			"5:19 error: unknown option `polcy=`: did you mean `policy=`?; ",
			"5:27 error: answers=99 is not within 1 and 32; write a number, like `answers=2`",
			"5:40 error: option `tag=` has no value; write `tag=v2`",
			"6:3 error: option `check=` does not fit `LB consul`: it needs `LB srv`; remove it, or take the pool from srv",
		},
	},
	{
		"signed zone with LB", "www LB consul web\nns1 RRSIG A 8 3 3600 20300101000000 20200101000000 1 example.org. AAAA", []string{
			"6:0 warning: zone is signed, but the answers of its LB records are not; leave signing to the dnssec plugin",
		},
	},
	{
		"A empty opaque", `www A \# 0`, []string{
			"5:0 error: A has no data; A takes an IPv4 address, like `A 192.0.2.1`",
		},
	},
	{
		"fallbacks that go on and on", "a LB consul a empty=b\nb LB consul b empty=c\nc LB consul c empty=d\nd LB consul d empty=e\ne LB consul e empty=ns1", []string{
			"5:0 error: empty=b.example.org. is followed by more than 3 others; let one of them fall back to A or AAAA records",
		},
	},
	{
		"LB in generic form", `www 30 TYPE65356 \# 12 0206636f6e73756c03776562`, nil,
	},
	{
		"LB in generic form, cut short", `www 30 TYPE65356 \# 11 0206636f6e73756c037765`, []string{
			"5:0 error: LB: data ends too early; write `LB consul SERVICE` or `LB srv OWNER`",
		},
	},
	{
		"other class by number", "www CLASS3 A 192.0.2.1", []string{
			"5:5 error: class CLASS3 is not served; write IN",
		},
	},
	{
		"unusual type", "www NAPTR x", []string{
			"5:11 error: NAPTR: `x` is not a valid order; see the RFC of NAPTR for how it is written",
		},
	},
	{
		"the same data in another case", "a AFSDB 1 NS1\na AFSDB 1 ns1\na HTTPS 1 NS1 port=1\na HTTPS 1 ns1 port=1\na NAPTR 1 1 S X \"\" ns1\na NAPTR 1 1 s X \"\" ns1", []string{
			"6:0 warning: AFSDB at a.example.org. is there already, on line 5; remove one of them",
			"8:0 warning: HTTPS at a.example.org. is there already, on line 7; remove one of them",
		},
	},
	{
		"escape that is no octet", `a\256 TXT "\12"`, []string{
			"5:2 error: escape `\\256` is not an octet; write three digits, 000 to 255, or a character other than a digit after \\",
			"5:12 error: escape `\\12\"` is not an octet; write three digits, 000 to 255, or a character other than a digit after \\",
		},
	},
	{
		"string of 255 octets", `www TXT "` + strings.Repeat(`\255`, 100) + strings.Repeat("t", 155) + `"`, nil,
	},
	{
		"string of 256 octets", `www TXT "a" "` + strings.Repeat(`\255`, 100) + strings.Repeat("t", 156) + `"`, []string{
			"5:13 warning: TXT: string is longer than 255 octets and will be served as several; split it into strings of at most 255, each in quotes",
		},
	},
	{
		"HINFO with one string", `www HINFO "cpu"`, []string{
			"5:0 error: HINFO: a value is missing; HINFO takes two strings, like `HINFO \"cpu\" \"os\"`",
		},
	},
	{
		"NS and MX to addresses", "@ NS 192.0.2.1.\n@ MX 10 2001:db8::1.", []string{
			"5:0 warning: NS points to 192.0.2.1., which is an address and not a name; name the server, and give the name an A or AAAA record",
			"6:0 warning: MX points to 2001:db8::1., which is an address and not a name; name the server, and give the name an A or AAAA record",
		},
	},
	{
		"targets without an address", "@ MX 10 x\n_a._tcp SRV 1 1 80 x\nx TXT a", []string{
			"5:0 warning: MX points to x.example.org., which has no address; add an A or AAAA record for it",
			"6:0 warning: SRV points to x.example.org., which has no address; add an A or AAAA record for it",
		},
	},
	{
		"DS where it means nothing", "@ DS 1 13 2 " + strings.Repeat("00", 32) + "\nx DS 1 13 2 " + strings.Repeat("00", 32), []string{
			"5:0 warning: DS at example.org. belongs into the zone above (RFC 4035 section 2.4); put it into the zone above",
			"6:0 warning: DS at x.example.org. stands where nothing is delegated (RFC 4035 section 2.4); delegate the name by NS, or remove the DS",
		},
	},
	{
		"wildcards that delegate", "*.a NS ns1\n*.b DNAME example.net.", []string{
			"5:0 warning: NS at the wildcard *.a.example.org. is discouraged: servers and resolvers differ in what it means (RFC 4592 section 4); write it for each name by itself",
			"6:0 warning: DNAME at the wildcard *.b.example.org. is discouraged: servers and resolvers differ in what it means (RFC 4592 section 4); write it for each name by itself",
		},
	},
	{
		"digests that are cut short", "x NS ns1\nx DS 1 13 2 0011\nx DS 1 13 99 0011\nns1 SSHFP 4 2 0011\n_a TLSA 3 1 1 0011\n_b TLSA 3 1 0 0011", []string{
			"6:0 error: DS: digest has 2 octets, and not the 32 of its kind; copy it whole: 64 hexadecimal digits",
			"8:0 warning: SSHFP: digest has 2 octets, and not the 32 of its kind; copy it whole: 64 hexadecimal digits",
			"9:0 warning: TLSA: digest has 2 octets, and not the 32 of its kind; copy it whole: 64 hexadecimal digits",
		},
	},
	{
		"tag of CAA", `@ CAA 0 is-sue "ca.example.net"`, []string{
			"5:0 warning: CAA: `is-sue` is not a tag (RFC 8659 section 4.1); tags are letters and digits, like issue",
		},
	},
	{
		"parameter that is mandatory and missing", "www HTTPS 1 . mandatory=port alpn=h2\n_a SVCB 1 www mandatory=alpn alpn=h2", []string{
			"5:0 error: HTTPS: parameter port is mandatory, and is not there; add it, or do not call it mandatory",
		},
	},
}

func TestMistakes(t *testing.T) {
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			z, problems := parseText(tt.text)
			got := tell(problems)
			if !slices.Equal(got, tt.want) {
				t.Errorf("Problems of\n%s\ngot:\n%s\nwant:\n%s", tt.text, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if failed := Failed(problems); failed != (z == nil) {
				t.Errorf("Zone is %v although Failed is %v", z, failed)
			}
		})
	}
}

// tell writes problems as the tables of the tests do.
func tell(problems []Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%d:%d %s: %s; %s", p.Line, p.Column, p.Severity, p.Message, p.Remedy))
	}
	return out
}

func TestFileWithoutAnEnd(t *testing.T) {
	z, problems := Parse(strings.NewReader(head+"www A 192.0.2.1"), "example.org", "test.zone", Settings{})
	want := []string{"5:0 warning: file does not end with a newline; see whether it was cut off, and end the last line"}
	if got := tell(problems); !slices.Equal(got, want) || z == nil {
		t.Errorf("Got %q", got)
	}
}

func TestZoneWithoutNameServer(t *testing.T) {
	z, problems := Parse(strings.NewReader("@ 60 SOA a. b. 1 2 3 4 5\n"), "example.org", "test.zone", Settings{})
	want := []string{"1:0 warning: zone example.org. has no NS; add one like `@ 3600 IN NS ns1`"}
	if got := tell(problems); !slices.Equal(got, want) || z == nil {
		t.Errorf("Got %q", got)
	}
}

// What could not be read is not called missing as well.
func TestNoFalseAlarms(t *testing.T) {
	z, problems := Parse(strings.NewReader("$TTL 60\n@ SOA ns1 x\n@ NS\nwww LB srv _a empty=b\n_a SRV 1\nb A x\n"), "example.org", "test.zone", Settings{})
	if z != nil || len(problems) != 4 {
		t.Errorf("Got %q", tell(problems))
	}
}
