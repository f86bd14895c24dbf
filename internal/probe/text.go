package probe

import (
	"strings"
	"unicode"
)

// maxText bounds a reason or remark in bytes: it comes from servers and
// programs, and ends in tables and logs.
const maxText = 200

// bounded makes text from elsewhere fit to be shown: one line, printable,
// valid UTF-8, at most maxText bytes.
func bounded(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = s[:min(len(s), maxText)]
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// join puts remarks that are not empty behind one another.
func join(remarks ...string) string {
	var b strings.Builder
	for _, s := range remarks {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(s)
	}
	return b.String()
}
