package main

import (
	"bufio"
	"io"
	"os"
	"strings"

	"github.com/ballast-lb/ballast/zones"
)

// zoneOrigin finds out which zone a file is of: see originIn. If the file does
// not tell, its name does.
func zoneOrigin(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if origin := originIn(f); origin != "" {
		return origin, nil
	}
	return nameOrigin(file), nil
}

// originIn returns the absolute owner of the first SOA record in a zone file,
// taking $ORIGIN into account, or "". It reads no further than that record and
// understands no more than it must: zones.Parse finds the mistakes.
func originIn(r io.Reader) string {
	var origin string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, zones.MaxLine)
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), ";")
		words := strings.Fields(text)
		switch {
		case len(words) > 1 && strings.EqualFold(words[0], "$ORIGIN"):
			origin = under(words[1], origin)
		case isSOA(words):
			if text[0] == ' ' || text[0] == '\t' {
				return origin // the owner is left out: the origin, as no record came before
			}
			return under(words[0], origin)
		}
	}
	return ""
}

// isSOA tells whether a line begins an SOA record: the type follows the owner,
// the TTL and the class, each of which may be missing.
func isSOA(words []string) bool {
	for i, word := range words {
		if strings.EqualFold(word, "SOA") {
			return i > 0 || len(words) > 1
		}
		if i > 2 {
			break
		}
	}
	return false
}

// under is name as an absolute name, if it can be known.
func under(name, origin string) string {
	switch {
	case name == "@":
		return origin
	case strings.HasSuffix(name, "."):
		return name
	case origin == "" || origin == ".":
		return ""
	}
	return name + "." + origin
}
