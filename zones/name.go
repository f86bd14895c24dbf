package zones

import (
	"iter"
	"strings"

	"github.com/miekg/dns"
)

// absolute completes a domain name as written in a zone file, and spells its
// escapes as they would be read from a message: RFC 1035 section 5.1 lets one
// octet be written in several ways.
func absolute(name, origin string) (string, bool) {
	if name == "@" {
		return origin, origin != ""
	}
	if _, ok := dns.IsDomainName(name); !ok || halfEscaped(name) {
		return "", false
	}
	if !dns.IsFqdn(name) {
		name += "."
		if origin != "." {
			name += origin
		}
	}
	if len(name) <= 254 && !strings.ContainsFunc(name, special) {
		_, ok := dns.IsDomainName(name)
		return name, ok
	}
	buf := make([]byte, 256)
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	if err != nil || n > 255 {
		return "", false
	}
	name, _, err = dns.UnpackDomainName(buf[:n], 0)
	return name, err == nil
}

// halfEscaped tells whether the name ends in a backslash that escapes nothing.
func halfEscaped(name string) bool {
	return (len(name)-len(strings.TrimRight(name, `\`)))%2 == 1
}

// special tells whether a character may be spelled in more than one way.
func special(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`\"'();@`, r)
}

// canonical is the spelling in which names are compared.
func canonical(name string) string { return dns.CanonicalName(name) }

// ancestors yields the name itself, then each name above it, up to and with
// the origin. All of them are canonical.
func ancestors(name, origin string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for dns.IsSubDomain(origin, name) {
			if !yield(name) || name == origin {
				return
			}
			off, end := dns.NextLabel(name, 0)
			if end {
				name = "."
				continue
			}
			name = name[off:]
		}
	}
}

// nearest is the candidate that a word was most likely meant to be, or "".
func nearest(word string, candidates []string) string {
	best, limit := "", 1+len(word)/4
	for _, c := range candidates {
		d := distance(word, c)
		if d < limit || d == limit && (best == "" || c < best) {
			best, limit = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between two short words (optimal string alignment).
func distance(a, b string) int {
	if len(a) > maxWord || len(b) > maxWord {
		return maxWord
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
