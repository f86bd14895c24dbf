package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/test/difftest/zonegen"

	"github.com/miekg/dns"
)

// An example is a zone file, and beside it a text with questions and the
// answers that are expected:
//
//	origin example.org.
//	; what it is about
//	question www A edns=1232 do
//	rcode NOERROR aa
//	answer www 300 IN A 192.0.2.1
//
// All names are relative to the origin.
type example struct {
	name, origin, zone string
	checks             []check
}

// check is a question with the answer that is expected.
type check struct {
	question zonegen.Question
	want     *dns.Msg
}

type part struct {
	name string
	rrs  *[]dns.RR
}

// parts are the sections of a message.
func parts(m *dns.Msg) []part {
	return []part{{"answer", &m.Answer}, {"authority", &m.Ns}, {"additional", &m.Extra}}
}

// readExample reads NAME.zone and NAME.txt of a directory.
func readExample(dir, name string) (*example, error) {
	zone, err := os.ReadFile(filepath.Join(dir, name+".zone"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, name+".txt"))
	if err != nil {
		return nil, err
	}
	e := &example{name: name, zone: string(zone)}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if err := e.line(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%s.txt:%d: %w", name, n, err)
		}
	}
	return e, nil
}

// words are what a line of an example begins with.
var words = map[string]func(*example, string) error{
	"origin":     func(e *example, rest string) error { e.origin = rest; return nil },
	"question":   (*example).ask,
	"rcode":      (*example).rcode,
	"answer":     func(e *example, rest string) error { return e.record(0, rest) },
	"authority":  func(e *example, rest string) error { return e.record(1, rest) },
	"additional": func(e *example, rest string) error { return e.record(2, rest) },
}

func (e *example) line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	if word == "" || strings.HasPrefix(word, ";") {
		return nil
	}
	read := words[word]
	if read == nil || word != "origin" && word != "question" && len(e.checks) == 0 {
		return fmt.Errorf("line begins with %q; known are %v, the first is origin", word, slices.Sorted(maps.Keys(words)))
	}
	return read(e, rest)
}

func (e *example) ask(rest string) error {
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return errors.New("question has no type: write it like `question www A`")
	}
	t, err := readType(fields[1])
	c := check{question: zonegen.Question{Name: fields[0], Type: t}, want: new(dns.Msg)}
	for _, option := range fields[2:] {
		size, isSize := strings.CutPrefix(option, "edns=")
		n, bad := strconv.ParseUint(size, 10, 16)
		switch {
		case option == "do":
			c.question.DO = true
		case isSize && bad == nil:
			c.question.Size = uint16(n)
		default:
			err = fmt.Errorf("option %q is not known", option)
		}
	}
	if c.question.Size > 0 {
		c.want.SetEdns0(c.question.Size, c.question.DO)
	}
	e.checks = append(e.checks, c)
	return err
}

func readType(name string) (uint16, error) {
	if t, ok := dns.StringToType[name]; ok {
		return t, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(name, "TYPE"), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("type %q is not known", name)
	}
	return uint16(n), nil
}

func (e *example) rcode(rest string) error {
	name, aa, _ := strings.Cut(rest, " ")
	rcode, ok := dns.StringToRcode[name]
	if !ok || aa != "" && aa != "aa" {
		return fmt.Errorf("write `rcode NOERROR` or `rcode NOERROR aa`, not %q", rest)
	}
	want := e.checks[len(e.checks)-1].want
	want.Rcode, want.Authoritative = rcode, aa == "aa"
	return nil
}

func (e *example) record(section int, text string) error {
	zp := dns.NewZoneParser(strings.NewReader(text+"\n"), e.origin, "")
	rr, ok := zp.Next()
	if !ok {
		return fmt.Errorf("%q is not a record: %w", text, zp.Err())
	}
	rrs := parts(e.checks[len(e.checks)-1].want)[section].rrs
	*rrs = append(*rrs, rr)
	return nil
}
