package zones

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// master is text for dns.ZoneParser with the way back: where each of its words
// came from.
type master struct {
	text  strings.Builder
	begin []int // where in text the word begins
	index []int // which word of the entry it is
}

// add appends words of the entry, from index on.
func (t *master) add(words []token, index int) {
	for i, w := range words[index:] {
		t.text.WriteByte(' ')
		t.begin = append(t.begin, t.text.Len())
		t.index = append(t.index, index+i)
		t.text.WriteString(w.text)
	}
}

// quoted puts words from one index to another into quotes, without which
// miekg/dns does not take the strings of NAPTR (RFC 1035 section 5.1 does).
func quoted(words []token, from, to int) []token {
	words = slices.Clone(words)
	for i := from; i < min(to, len(words)); i++ {
		if !strings.Contains(words[i].text, `"`) {
			words[i].text = `"` + words[i].text + `"`
		}
	}
	return words
}

// word finds the entry's word by a column of the text, counted from 1; -1 if
// it is none.
func (t *master) word(col int) int {
	for i := len(t.begin) - 1; i >= 0; i-- {
		if t.begin[i] < col {
			return t.index[i]
		}
	}
	return -1
}

// readRecord has dns.ZoneParser read one record.
func readRecord(owner string, ttl uint32, h header, words []token, origin string) (dns.RR, *mistake) {
	var t master
	if h.rrtype == dns.TypeNAPTR && words[h.data].text != `\#` {
		words = quoted(words, h.data+2, h.data+5)
	}
	fmt.Fprintf(&t.text, "%s %d IN %s", owner, ttl, typeName(h.rrtype))
	t.add(words, h.data)
	t.text.WriteByte('\n')
	zp := dns.NewZoneParser(strings.NewReader(t.text.String()), origin, "")
	rr, ok := zp.Next()
	if err := zp.Err(); err != nil {
		return nil, t.explain(err, h.rrtype)
	}
	if !ok || rr == nil {
		return nil, wrong(syntax(h.rrtype), "%s cannot be read", typeName(h.rrtype))
	}
	if _, more := zp.Next(); more {
		return nil, wrong("write each record on a line of its own", "more than one record")
	}
	return rr, checkFields(h, len(words)-h.data, words)
}

// checkFields counts the values of types that have a fixed number of them, as
// miekg/dns takes a missing last one for 0 in places.
func checkFields(h header, got int, words []token) *mistake {
	fields := map[uint16]int{dns.TypeSOA: 7, dns.TypeSRV: 4, dns.TypeMX: 2, dns.TypeHINFO: 2}
	if want := fields[h.rrtype]; got >= want || words[h.data].text == `\#` {
		return nil
	}
	return wrong(syntax(h.rrtype), "%s: a value is missing", typeName(h.rrtype))
}

// parseError is how miekg/dns words a dns.ParseError, whose fields it hides.
var parseError = regexp.MustCompile(`^(?:.*?: )?dns: (.*): ("(?:[^"\\]|\\.)*") at line: \d+:(\d+)$`)

// explain makes a readable mistake from an error of dns.ZoneParser.
func (t *master) explain(err error, rrtype uint16) *mistake {
	name := typeName(rrtype)
	parts := parseError.FindStringSubmatch(err.Error())
	if parts == nil {
		return wrong(syntax(rrtype), "%s: %s", name, strings.TrimPrefix(err.Error(), "dns: "))
	}
	what, token := parts[1], parts[2]
	if text, err := strconv.Unquote(token); err == nil {
		token = text
	}
	col, _ := strconv.Atoi(parts[3])
	remedy := syntax(rrtype)
	if ip, err := netip.ParseAddr(token); err == nil && ip.Is6() && rrtype == dns.TypeA {
		remedy = "use AAAA for IPv6 addresses"
	} else if err == nil && ip.Is4() && rrtype == dns.TypeAAAA {
		remedy = "use A for IPv4 addresses"
	}
	m := wrong(remedy, "%s", reason(name, what, strings.TrimSpace(token)))
	m.word = t.word(col)
	return m
}

// reason words an error of miekg/dns, such as "bad SRV Weight", about a token,
// which is empty at the end of the record.
func reason(rrtype, what, token string) string {
	field, bad := strings.CutPrefix(what, "bad "+rrtype+" ")
	switch {
	case what == "garbage after rdata":
		return fmt.Sprintf("%s: `%s` is too much", rrtype, token)
	case bad && token == "":
		return fmt.Sprintf("%s: %s is missing", rrtype, fieldName(field))
	case bad:
		return fmt.Sprintf("%s: `%s` is not %s", rrtype, token, fieldName(field))
	case token == "":
		return fmt.Sprintf("%s: %s", rrtype, cmp.Or(what, "data cannot be read"))
	}
	return fmt.Sprintf("%s: %s: `%s`", rrtype, cmp.Or(what, "data cannot be read"), token)
}

// fieldName is what miekg/dns calls a field, in plainer words.
func fieldName(field string) string {
	names := map[string]string{
		"A": "an IPv4 address", "AAAA": "an IPv6 address",
		"Ns": "a name server's name", "Mx": "a mail server's name", "Target": "a domain name", "Ptr": "a domain name",
		"Mbox": "a mailbox written as a domain name", "Pref": "a preference of 0..65535",
		"Priority": "a priority of 0..65535", "Weight": "a weight of 0..65535", "Port": "a port of 0..65535",
		"zone parameter": "a number of seconds",
	}
	if name, ok := names[field]; ok {
		return name
	}
	return "a valid " + strings.ToLower(field)
}

// syntax reminds of how a type's data is written.
func syntax(rrtype uint16) string {
	examples := map[uint16]string{
		dns.TypeA:     "an IPv4 address, like `A 192.0.2.1`",
		dns.TypeAAAA:  "an IPv6 address, like `AAAA 2001:db8::1`",
		dns.TypeCNAME: "one name, like `CNAME www`",
		dns.TypeDNAME: "one name, like `DNAME example.net.`",
		dns.TypeNS:    "one name, like `NS ns1`",
		dns.TypePTR:   "one name, like `PTR www.example.org.`",
		dns.TypeMX:    "preference and name, like `MX 10 mail`",
		dns.TypeSRV:   "priority, weight, port and name, like `SRV 10 5 8080 web1`",
		dns.TypeTXT:   "text in quotes, like `TXT \"some text\"`",
		dns.TypeHINFO: "two strings, like `HINFO \"cpu\" \"os\"`",
		dns.TypeCAA:   "flag, tag and value, like `CAA 0 issue \"ca.example.net\"`",
		dns.TypeSOA: "name server, mailbox, serial, refresh, retry, expire and minimum, " +
			"like `SOA ns1 hostmaster 2026010101 7200 900 1209600 30`",
		TypeLB: "write `LB consul SERVICE` or `LB srv OWNER`",
	}
	text, ok := examples[rrtype]
	switch {
	case rrtype == TypeLB:
		return text
	case ok:
		return typeName(rrtype) + " takes " + text
	}
	return "see the RFC of " + typeName(rrtype) + " for how it is written"
}

// settle passes the record through its wire format: what cannot be sent is
// found here and not when a client asks, and its names come back spelled as in
// messages. The buffer is scratch of 64 KiB and more.
func settle(rr dns.RR, buf []byte) (dns.RR, *mistake) {
	h := rr.Header()
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil, wrong(syntax(h.Rrtype), "%s cannot be sent: %s", typeName(h.Rrtype), strings.TrimPrefix(err.Error(), "dns: "))
	}
	out, _, err := dns.UnpackRR(buf[:n], 0)
	if err != nil {
		return nil, wrong(syntax(h.Rrtype), "%s cannot be read back: %s", typeName(h.Rrtype), strings.TrimPrefix(err.Error(), "dns: "))
	}
	_, opaque := out.(*dns.RFC3597)
	if out.Header().Rdlength == 0 && !opaque && h.Rrtype != dns.TypeAPL && h.Rrtype != dns.TypeNULL {
		return nil, wrong(syntax(h.Rrtype), "%s has no data", typeName(h.Rrtype))
	}
	out.Header().Rdlength = 0 // as after parsing; it is set when packing
	return out, nil
}
