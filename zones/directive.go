package zones

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// isDirective tells whether the first word of a line is a directive. A name
// that begins with a dollar has a dot in it, or is written \$.
func isDirective(word string) bool {
	return strings.HasPrefix(word, "$") && !strings.Contains(word, ".")
}

// directive is one of them: the values it takes, and how it is written.
type directive struct {
	run      func(p *parser, st *state, e entry) *mistake
	min, max int
	usage    string
}

func findDirective(name string) (directive, bool) {
	switch name {
	case "$ORIGIN":
		return directive{(*parser).setOrigin, 1, 1, "write `$ORIGIN example.org.`"}, true
	case "$TTL":
		return directive{(*parser).setTTL, 1, 1, "write `$TTL 3600`"}, true
	case "$INCLUDE":
		return directive{(*parser).include, 1, 2, "write `$INCLUDE FILE` or `$INCLUDE FILE ORIGIN`"}, true
	case "$GENERATE":
		return directive{(*parser).generate, 4, MaxEntry, generateUsage}, true
	}
	return directive{}, false
}

func (p *parser) directive(st *state, e entry) {
	name := strings.ToUpper(e.words[0].text)
	d, ok := findDirective(name)
	var m *mistake
	switch n := len(e.words) - 1; {
	case !ok:
		m = wrong("known are $ORIGIN, $TTL, $INCLUDE and $GENERATE; write `\\$` for a name that begins with a dollar",
			"unknown directive `%s`", e.words[0].text)
	case e.broken:
		p.torn.any = true
		return
	case n < d.min:
		m = wrong(d.usage, "%s has too few values", name)
	case n > d.max:
		m = wrong(d.usage, "%s: `%s` is too much", name, e.words[d.max+1].text)
		m.word = d.max + 1
	default:
		m = d.run(p, st, e)
	}
	if m != nil {
		at := *st
		at.owner = ""
		p.mistake(&at, e, *m)
		p.torn.any = true
	}
}

func (p *parser) setOrigin(st *state, e entry) *mistake {
	name, ok := absolute(e.words[1].unquoted(), st.origin)
	if !ok {
		m := wrong("write `$ORIGIN example.org.`", "$ORIGIN: `%s` is not a domain name", e.words[1].text)
		m.word = 1
		return m
	}
	st.origin = name
	return nil
}

func (p *parser) setTTL(st *state, e entry) *mistake {
	ttl, m := readTTL(e.words[1].unquoted())
	if m != nil {
		m.word = 1
		return m
	}
	st.ttl, st.hasTTL, st.fixedTTL = ttl, true, true
	return nil
}

// include reads another file in place. What it does to origin, owner and TTL
// ends with it (RFC 1035 section 5.1).
func (p *parser) include(st *state, e entry) *mistake {
	name, _ := unescape(e.words[1].unquoted())
	if name == "" {
		return wrong("write `$INCLUDE FILE`", "$INCLUDE has an empty file name")
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(st.file), path)
	}
	sub := *st
	sub.file = path
	if len(e.words) > 2 {
		if m := p.setOrigin(&sub, entry{words: e.words[1:]}); m != nil {
			return wrong("write `$INCLUDE FILE ORIGIN`", "$INCLUDE: `%s` is not a domain name", e.words[2].text)
		}
	}
	if abs, err := filepath.Abs(path); err == nil && slices.Contains(st.stack, abs) {
		return wrong("remove one of the $INCLUDE lines", "%s includes itself, by way of %s", path, st.file)
	}
	if len(st.stack) >= MaxDepth {
		return wrong("include fewer levels", "files include one another more than %d deep", MaxDepth)
	}
	if p.includes++; p.includes > MaxIncludes {
		p.full = p.includes > MaxIncludes+1
		return wrong("split the zone", "zone has more than %d $INCLUDE lines", MaxIncludes)
	}
	f, err := p.settings.Open(path)
	if err != nil {
		return wrong("paths are relative to the file that includes", "cannot include %s: %v", name, bare(err))
	}
	defer f.Close()
	p.file(f, sub)
	return nil
}

// bare drops operation and path from an error, which the message has already.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// OpenFile opens a regular file: reading a device or a pipe might not end.
func OpenFile(path string) (io.ReadCloser, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(path)
}
