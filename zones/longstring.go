package zones

import (
	"fmt"

	"github.com/miekg/dns"
)

// longStrings warns of what becomes several strings (RFC 1035 section 3.3).
func (p *parser) longStrings(st *state, e entry, h header) {
	if h.rrtype != dns.TypeTXT && h.rrtype != dns.TypeSPF || e.words[h.data].text == `\#` {
		return
	}
	for _, w := range e.words[h.data:] {
		if w.octets() > 255 {
			p.problem(place{st.file, w.line, w.col}, Warning, st.owner, mistake{
				text:   fmt.Sprintf("%s: string is longer than 255 octets and will be served as several", typeName(h.rrtype)),
				remedy: "split it into strings of at most 255, each in quotes",
			})
		}
	}
}

// octets is how many octets the word stands for.
func (w token) octets() int {
	text, n := w.unquoted(), 0
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			if i++; text[i] >= '0' && text[i] <= '9' {
				i += 2
			}
		}
		n++
	}
	return n
}
