package zones

import (
	"math"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// header is what precedes a record's data.
type header struct {
	ttl    uint32
	hasTTL bool
	rrtype uint16
	data   int // index of the first word of data
}

// readHeader reads [TTL] [class] type, in any order of the first two, from the
// words from index at on.
func readHeader(words []token, at int) (h header, m *mistake) {
	class := false
	for i := at; i < len(words); i++ {
		text := words[i].text
		t, isType := rrtype(text)
		switch {
		case isType:
			h.rrtype, h.data = t, i+1
			return h, nil
		case !class && isClass(text):
			class = true
			m = checkClass(text)
		case !h.hasTTL && text[0] >= '0' && text[0] <= '9':
			h.hasTTL = true
			h.ttl, m = readTTL(text)
		default:
			m = unknownType(text)
		}
		if m != nil {
			m.word = i
			return h, m
		}
	}
	m = wrong("a record is `NAME TTL IN TYPE DATA`, like `www 300 IN A 192.0.2.1`", "record has no type")
	return h, m
}

// rrtype finds an RR type by name, TYPE123 (RFC 3597 section 5) included.
func rrtype(text string) (uint16, bool) {
	upper := strings.ToUpper(text)
	if t, ok := dns.StringToType[upper]; ok {
		return t, true
	}
	number, ok := strings.CutPrefix(upper, "TYPE")
	t, err := strconv.ParseUint(number, 10, 16)
	return uint16(t), ok && err == nil && t > 0
}

func typeName(t uint16) string { return dns.Type(t).String() }

func isClass(text string) bool {
	upper := strings.ToUpper(text)
	_, ok := dns.StringToClass[upper]
	if number, is := strings.CutPrefix(upper, "CLASS"); is && !ok {
		_, err := strconv.ParseUint(number, 10, 16)
		ok = err == nil
	}
	return ok
}

func checkClass(text string) *mistake {
	if upper := strings.ToUpper(text); upper == "IN" || upper == "CLASS1" {
		return nil
	}
	return wrong("write IN", "class %s is not served", text)
}

// readTTL reads seconds, or numbers with the units s, m, h, d, w as BIND
// writes them. RFC 2181 section 8 allows 31 bits.
func readTTL(text string) (uint32, *mistake) {
	units := map[byte]uint64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
	var sum, n uint64
	digits := false
	for _, c := range []byte(strings.ToLower(text)) {
		unit, isUnit := units[c]
		switch {
		case c >= '0' && c <= '9':
			n, digits = n*10+uint64(c-'0'), true
		case isUnit && digits:
			sum, n, digits = sum+n*unit, 0, false
		default:
			return 0, wrong("write seconds, like 300, or units, like 1h30m", "`%s` is not a TTL", text)
		}
		if sum+n > math.MaxInt32 {
			return 0, wrong("write at most 2147483647 seconds", "TTL %s is longer than 31 bits", text)
		}
	}
	if text == "" {
		return 0, wrong("write seconds, like 300", "TTL is empty")
	}
	return uint32(sum + n), nil
}

// common are the types whose names are offered for a misspelt one.
var common = []string{
	"A", "AAAA", "CAA", "CNAME", "DNAME", "DNSKEY", "DS", "HTTPS", "LB", "MX", "NAPTR", "NS",
	"NSEC", "PTR", "RRSIG", "SOA", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "URI",
}

func unknownType(text string) *mistake {
	if near := nearest(strings.ToUpper(text), common); near != "" {
		return wrong("", "unknown record type `%s`: did you mean `%s`?", text, near)
	}
	return wrong("a record is `NAME TTL IN TYPE DATA`, like `www 300 IN A 192.0.2.1`",
		"`%s` is neither a TTL, a class nor a record type", text)
}

// checkType refuses types that are questions or belong to messages (RFC 6895
// section 3.1).
func checkType(t uint16) *mistake {
	if t == dns.TypeOPT || t >= 128 && t <= 255 || t == dns.TypeANY || t == dns.TypeNone || t == dns.TypeReserved {
		return wrong("remove it", "type %s cannot stand in a zone", typeName(t))
	}
	return nil
}

// checkData finds a record without data, which miekg/dns would take for a
// deletion as in RFC 2136.
func checkData(words []token, h header) *mistake {
	if h.data < len(words) {
		return nil
	}
	return wrong(syntax(h.rrtype), "%s has no data", typeName(h.rrtype))
}
