package zones

import (
	"slices"
	"strings"
)

// readLB reads an LB record itself, since dns.ZoneParser hides the errors of
// private types.
func (p *parser) readLB(st *state, e entry, h header) {
	lb, mistakes := parseLB(texts(e.words[h.data:]))
	if len(mistakes) == 0 {
		p.takeLB(st, e, st.owner, h.ttl, lb)
		return
	}
	for _, m := range mistakes {
		if m.word >= 0 {
			m.word = min(m.word+h.data, len(e.words)-1)
		}
		p.mistake(st, e, m)
	}
	p.tear(st, h)
}

// takeLB puts an LB record into the zone.
func (p *parser) takeLB(st *state, e entry, name string, ttl uint32, lb *LB) {
	m := p.checkInside(name)
	if m == nil {
		m = p.checkCount()
	}
	if m == nil {
		m = lb.resolve(st.origin)
	}
	if known := p.settings.Policies; m == nil && lb.Policy != "" && len(known) > 0 && !slices.Contains(known, lb.Policy) {
		if near := nearest(lb.Policy, known); near != "" {
			m = wrong("", "unknown policy `%s`: did you mean `%s`?", lb.Policy, near)
		} else {
			m = wrong("known are "+strings.Join(known, ", "), "unknown policy `%s`", lb.Policy)
		}
	}
	if m != nil {
		p.mistake(st, e, *m)
		p.torn.names[canonical(name)] = true
		return
	}
	if p.settings.Allow != nil {
		if err := p.settings.Allow(lb); err != nil {
			text, remedy, _ := strings.Cut(err.Error(), "; ")
			p.mistake(st, e, *wrong(remedy, "%s", text))
		}
	}
	p.zone.LBs = append(p.zone.LBs, LBRecord{Name: canonical(name), TTL: ttl, LB: lb, File: st.file, Line: e.line})
}

// resolve makes the record's names absolute.
func (lb *LB) resolve(origin string) *mistake {
	names := []*string{}
	if lb.Source == SRV {
		names = append(names, &lb.Name)
	}
	if lb.Empty == EmptyFallback {
		names = append(names, &lb.Fallback)
	}
	for _, name := range names {
		abs, ok := absolute(*name, origin)
		if !ok {
			return wrong("shorten it", "name %s.%s is longer than 255 octets", *name, origin)
		}
		*name = canonical(abs)
	}
	for _, w := range lb.words() {
		if len(w) > maxWord {
			return wrong("shorten it", "%.20q... is longer than %d octets", w, maxWord)
		}
	}
	return nil
}
