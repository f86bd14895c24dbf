package zones

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// scanner splits a zone file into entries (RFC 1035 section 5.1): lines, with
// comments gone and with parentheses joining several lines to one.
type scanner struct {
	src    []byte
	pos    int
	line   int // of pos, from 1
	start  int // where the line begins
	lost   int // entries given up
	report func(line, col int, m mistake)
}

// maxLost bounds how often recover starts over, and with it the time that a
// file of nothing but opening parentheses takes.
const maxLost = 32

// entry is one record or directive.
type entry struct {
	line   int
	blank  bool // begins with a blank: the owner is the one before
	broken bool // something in it was reported; its words may be incomplete
	words  []token
}

// token is a word as it is written, with its quotes and escapes.
type token struct {
	text      string
	line, col int
}

func newScanner(src []byte, report func(line, col int, m mistake)) *scanner {
	// Some editors begin UTF-8 files with a byte order mark.
	return &scanner{src: bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), line: 1, report: report}
}

// next gives the next entry that holds a word.
func (s *scanner) next() (entry, bool) {
	for s.pos < len(s.src) {
		if e := s.entry(); len(e.words) > 0 || e.broken {
			return e, true
		}
	}
	return entry{}, false
}

// entry reads from the beginning of a line to the end of one outside of
// parentheses.
func (s *scanner) entry() entry {
	e := entry{line: s.line}
	if c := s.src[s.pos]; c == ' ' || c == '\t' {
		e.blank = true
	}
	begin, held := *s, []func(){}
	hold := func(line, col int, m mistake) {
		e.broken = true
		held = append(held, func() { begin.report(line, col, m) })
	}
	s.report = hold
	defer func() { s.report = begin.report }()
	var open []token // parentheses not closed yet
	for s.pos < len(s.src) && s.pos-begin.pos <= MaxEntry {
		s.words(&e, &open)
		if len(open) == 0 {
			for _, report := range held {
				report()
			}
			return e
		}
	}
	if len(open) > 0 || s.pos-begin.pos > MaxEntry {
		s.recover(begin, e, open)
		e.broken = true
		return e
	}
	for _, report := range held {
		report()
	}
	return e
}

// recover goes back behind an opening parenthesis that nothing closes, and on
// to where the next record seems to begin: what lies between belonged, most
// likely, into the parentheses.
func (s *scanner) recover(begin scanner, e entry, open []token) {
	at := token{line: e.line}
	m := mistake{text: fmt.Sprintf("record is longer than %d bytes", MaxEntry), remedy: "split it"}
	if len(open) > 0 {
		at, m = open[0], mistake{text: "parenthesis is never closed", remedy: "write `)` after the last value"}
	}
	begin.report(at.line, at.col, m)
	if s.lost++; s.lost == maxLost {
		begin.report(at.line, 0, mistake{text: "too many records never end; the rest of the file is not read", remedy: "solve these first"})
		s.pos = len(s.src)
		return
	}
	s.pos, s.line, s.start = begin.pos, begin.line, begin.start
	for s.line <= at.line && s.pos < len(s.src) {
		s.skipLine()
	}
	for s.pos < len(s.src) && strings.IndexByte(" \t\r\n;)", s.src[s.pos]) >= 0 {
		s.skipLine()
	}
}

func (s *scanner) skipLine() {
	if n := bytes.IndexByte(s.src[s.pos:], '\n'); n >= 0 {
		s.pos += n + 1
	} else {
		s.pos = len(s.src)
	}
	s.line++
	s.start = s.pos
}

// words reads the words of one line, and keeps track of the parentheses.
func (s *scanner) words(e *entry, open *[]token) {
	if s.pos == s.start && s.tooLong() {
		s.skipLine()
		return
	}
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; c {
		case '\n', ';':
			s.skipLine()
			return
		case ' ', '\t', '\r':
			s.pos++
		case '(':
			*open = append(*open, token{line: s.line, col: s.col()})
			s.pos++
		case ')':
			if len(*open) == 0 {
				s.report(s.line, s.col(), mistake{text: "closing parenthesis without an opening one", remedy: "remove it, or write `(` before the first value"})
			} else {
				*open = (*open)[:len(*open)-1]
			}
			s.pos++
		default:
			e.words = append(e.words, s.word())
		}
	}
}

func (s *scanner) col() int { return s.pos - s.start + 1 }

func (s *scanner) tooLong() bool {
	n := bytes.IndexByte(s.src[s.pos:], '\n')
	if n < 0 {
		n = len(s.src) - s.pos
	}
	if n > MaxLine {
		s.report(s.line, 0, mistake{text: fmt.Sprintf("line is longer than %d bytes", MaxLine), remedy: "split it with parentheses"})
		return true
	}
	return false
}

// word reads one word: up to a blank, a parenthesis, a comment or the line's
// end, none of which ends it after a backslash or within quotes.
func (s *scanner) word() token {
	w, begin := token{line: s.line, col: s.col()}, s.pos
	quote := 0 // column of the open quote
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		if c == '\n' || quote == 0 && strings.IndexByte(" \t\r;()", c) >= 0 {
			break
		}
		switch {
		case c == '\\' && s.pos+1 < len(s.src) && s.src[s.pos+1] != '\n':
			s.octet()
			s.pos++ // whatever comes next is taken as it is
		case c == '"' && quote == 0:
			quote = s.col()
		case c == '"':
			quote = 0
		case c < ' ' && c != '\t' && c != '\r' || c == 0x7f:
			s.report(s.line, s.col(), mistake{text: fmt.Sprintf("control character 0x%02x", c), remedy: fmt.Sprintf(`write it as \%03d`, c)})
		}
		s.pos++
	}
	if quote > 0 {
		s.report(s.line, quote, mistake{text: "quote is not closed on its line", remedy: `write " at the end of the text`})
	}
	w.text = strings.TrimSuffix(string(s.src[begin:s.pos]), "\r")
	return w
}

// octet wants three digits, up to 255, after a backslash before a digit (RFC
// 1035 section 5.1).
func (s *scanner) octet() {
	if c := s.src[s.pos+1]; c < '0' || c > '9' {
		return
	}
	ddd := string(s.src[s.pos+1 : min(len(s.src), s.pos+4)])
	if _, err := strconv.ParseUint(ddd, 10, 8); err != nil || len(ddd) < 3 {
		ddd, _, _ = strings.Cut(ddd, "\n")
		s.report(s.line, s.col(), mistake{text: fmt.Sprintf("escape `\\%s` is not an octet", ddd), remedy: `write three digits, 000 to 255, or a character other than a digit after \`})
	}
}

// unquoted is the word without its quotes. What they protect needs no
// protection in a single word.
func (w token) unquoted() string {
	if !strings.Contains(w.text, `"`) {
		return w.text
	}
	var b strings.Builder
	for i := 0; i < len(w.text); i++ {
		switch c := w.text[i]; {
		case c == '"':
		case c == '\\' && i+1 < len(w.text):
			b.WriteString(w.text[i : i+2])
			i++
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
