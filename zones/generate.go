package zones

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

const generateUsage = "write `$GENERATE 1-9 NAME TTL IN TYPE DATA`, with $ for the number"

// generate reads BIND's $GENERATE. dns.ZoneParser expands it; the header is
// completed first, since it would not know the zone's TTL.
func (p *parser) generate(st *state, e entry) *mistake {
	if m := p.checkRange(e.words[1].text); m != nil {
		m.word = 1
		return m
	}
	h, m := readHeader(e.words, 3)
	if m == nil {
		m = checkType(h.rrtype)
	}
	if m == nil {
		m = checkData(e.words, h)
	}
	if m == nil && !h.hasTTL && !st.hasTTL {
		m = wrong("write a TTL after the name, or `$TTL 3600` at the top", "$GENERATE has no TTL, and there is none before it")
	}
	if m != nil {
		return m
	}
	if !h.hasTTL {
		h.ttl = st.ttl
	}
	var t master
	fmt.Fprintf(&t.text, "$GENERATE %s %s %d IN %s", e.words[1].text, e.words[2].text, h.ttl, typeName(h.rrtype))
	t.add(e.words, h.data)
	t.text.WriteByte('\n')
	zp := dns.NewZoneParser(strings.NewReader(t.text.String()), st.origin, "")
	for rr, ok := zp.Next(); ok && !p.full; rr, ok = zp.Next() {
		name, ok := absolute(rr.Header().Name, ".")
		if !ok {
			return wrong(generateUsage, "$GENERATE makes %s, which is not a domain name", rr.Header().Name)
		}
		rr.Header().Name = name
		before := len(p.problems)
		p.take(st, e, rr)
		if len(p.problems) > before { // the rest would be as wrong
			return nil
		}
	}
	if err := zp.Err(); err != nil {
		return p.explainGenerate(e, h, &t, err)
	}
	return nil
}

func (p *parser) explainGenerate(e entry, h header, t *master, err error) *mistake {
	if h.rrtype == TypeLB {
		if _, mistakes := parseLB(texts(e.words[h.data:])); len(mistakes) > 0 {
			return &mistakes[0]
		}
	}
	m := t.explain(err, h.rrtype)
	m.word, m.text = -1, "$GENERATE: "+m.text // columns are those of the expanded text
	return m
}

func texts(words []token) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.unquoted()
	}
	return out
}

// checkRange reads START-STOP[/STEP].
func (p *parser) checkRange(text string) *mistake {
	bounds, step, hasStep := strings.Cut(text, "/")
	from, to, _ := strings.Cut(bounds, "-")
	a, errA := strconv.ParseUint(from, 10, 31)
	b, errB := strconv.ParseUint(to, 10, 31)
	n, errN := uint64(1), error(nil)
	if hasStep {
		n, errN = strconv.ParseUint(step, 10, 31)
	}
	switch {
	case errA != nil || errB != nil || errN != nil || a > b || n == 0:
		return wrong("write `1-9` or `0-254/2`", "$GENERATE: `%s` is not a range", text)
	case (b-a)/n >= MaxGenerate:
		return wrong("split it", "$GENERATE: range %s makes more than %d records", text, MaxGenerate)
	}
	return nil
}
