package zones

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/miekg/dns"
)

// parser collects one zone from its files.
type parser struct {
	settings Settings
	zone     *Zone
	problems []Problem
	counts   [2]int // by severity
	full     bool   // a bound was met: the rest is left unread
	bytes    int64  // read so far, of all files
	includes int
	scratch  []byte
	torn     torn
}

// torn is what could not be read, so that nothing is reported as missing that
// merely has a mistake in it.
type torn struct {
	names map[string]bool // canonical owners
	types map[uint16]bool
	any   bool // something unknown
}

// state is where the parser stands in one file.
type state struct {
	file     string
	origin   string
	owner    string // of the record before; "" before the first
	badOwner bool   // the owner could not be read
	ttl      uint32
	hasTTL   bool
	fixedTTL bool     // by $TTL (RFC 2308 section 4), not by the record before
	stack    []string // absolute paths of the files being read
}

func newParser(file string, s Settings) *parser {
	if s.Open == nil {
		s.Open = OpenFile
	}
	return &parser{
		settings: s,
		zone:     &Zone{File: file},
		scratch:  make([]byte, 80<<10),
		torn:     torn{names: map[string]bool{}, types: map[uint16]bool{}},
	}
}

// problem reports a mistake at a place. Of too many errors the rest of the
// zone is not read; too many warnings are only counted.
func (p *parser) problem(at place, s Severity, record string, m mistake) {
	n := &p.counts[s]
	if *n++; p.full || *n > MaxProblems+1 {
		return
	}
	if *n == MaxProblems+1 {
		p.full = s == Error
		at.col, record = 0, ""
		m = mistake{text: fmt.Sprintf("more than %d %ss, the rest is not shown", MaxProblems, s), remedy: "solve these first"}
	}
	p.problems = append(p.problems, Problem{
		File: at.file, Line: at.line, Column: at.col, Severity: s,
		Record: record, Message: m.text, Remedy: m.remedy,
	})
}

// file reads one file from its beginning to its end.
func (p *parser) file(r io.Reader, st state) {
	if !slices.Contains(p.zone.Files, st.file) {
		p.zone.Files = append(p.zone.Files, st.file)
	}
	if path, err := filepath.Abs(st.file); err == nil {
		st.stack = append(slices.Clip(st.stack), path)
	}
	src, err := io.ReadAll(io.LimitReader(r, MaxBytes-p.bytes+1))
	if err != nil {
		p.problem(place{file: st.file}, Error, "", mistake{text: fmt.Sprintf("cannot read the file: %v", err), remedy: "check the path and its permissions"})
		p.torn.any = true
	}
	p.bytes += int64(len(src))
	if p.bytes > MaxBytes {
		p.problem(place{file: st.file}, Error, "", mistake{text: fmt.Sprintf("zone is longer than %d bytes", MaxBytes), remedy: "split it into zones"})
		p.full = true
		return
	}
	scan := newScanner(src, func(line, col int, m mistake) {
		p.problem(place{st.file, line, col}, Error, "", m)
	})
	for e, ok := scan.next(); ok && !p.full; e, ok = scan.next() {
		p.entry(&st, e)
	}
	if n := len(src); n > 0 && src[n-1] != '\n' {
		p.problem(place{file: st.file, line: 1 + bytes.Count(src, []byte{'\n'})}, Warning, st.owner,
			mistake{text: "file does not end with a newline", remedy: "see whether it was cut off, and end the last line"})
	}
}

// entry reads one directive or record.
func (p *parser) entry(st *state, e entry) {
	if len(e.words) == 0 {
		p.torn.any = true
		return
	}
	if !e.blank && isDirective(e.words[0].text) {
		p.directive(st, e)
		return
	}
	at := 0
	if !e.blank {
		p.setOwner(st, e)
		at = 1
	} else if st.owner == "" && !st.badOwner {
		p.mistake(st, e, *wrong("write a name in the first column", "record has no name, and there is none before it"))
		st.badOwner = true
	}
	if st.badOwner {
		p.torn.any = true
	}
	h, m := readHeader(e.words, at)
	if m == nil {
		m = checkType(h.rrtype)
	}
	if m == nil {
		m = checkData(e.words, h)
	}
	switch {
	case e.broken:
		p.tear(st, h)
	case m != nil:
		p.mistake(st, e, *m)
		p.tear(st, h)
	default:
		p.record(st, e, h)
	}
}

func (p *parser) setOwner(st *state, e entry) {
	name, ok := absolute(e.words[0].text, st.origin)
	st.owner, st.badOwner = name, !ok
	if !ok && !e.broken {
		m := wrong("labels are 1..63 octets with dots between them, the whole at most 255", "`%s` is not a domain name", e.words[0].text)
		m.word = 0
		p.mistake(st, e, *m)
	}
}

// record reads a record whose header is known.
func (p *parser) record(st *state, e entry, h header) {
	if !h.hasTTL && !st.hasTTL {
		p.mistake(st, e, *wrong("write a TTL after the name, or `$TTL 3600` at the top", "record has no TTL, and there is none before it"))
		p.tear(st, h)
		return
	}
	if !h.hasTTL {
		h.ttl = st.ttl
	} else if !st.fixedTTL {
		st.ttl, st.hasTTL = h.ttl, true
	}
	if st.badOwner {
		return // already reported
	}
	if h.rrtype == TypeLB && e.words[h.data].text != `\#` {
		p.readLB(st, e, h)
		return
	}
	rr, m := readRecord(st.owner, h.ttl, h, e.words, st.origin)
	if m != nil {
		p.mistake(st, e, *m)
		p.tear(st, h)
		return
	}
	p.longStrings(st, e, h)
	p.take(st, e, rr)
}

// take puts a record that could be read into the zone.
func (p *parser) take(st *state, e entry, rr dns.RR) {
	name := rr.Header().Name
	if private, ok := rr.(*dns.PrivateRR); ok {
		if lb, ok := private.Data.(*LB); ok {
			p.takeLB(st, e, name, rr.Header().Ttl, lb)
			return
		}
	}
	rr, m := settle(rr, p.scratch)
	if m == nil {
		m = p.checkInside(name)
	}
	if m == nil {
		m = p.checkCount()
	}
	if m != nil {
		p.mistake(st, e, *m)
		p.torn.names[canonical(name)] = true
		return
	}
	p.zone.Records = append(p.zone.Records, Record{RR: rr, File: st.file, Line: e.line})
}

func (p *parser) checkCount() *mistake {
	if len(p.zone.Records)+len(p.zone.LBs) < MaxRecords {
		return nil
	}
	return wrong("split it into zones", "zone has more than %d records", MaxRecords)
}

// checkInside finds a record that does not belong to the zone.
func (p *parser) checkInside(name string) *mistake {
	if dns.IsSubDomain(p.zone.Origin, canonical(name)) {
		return nil
	}
	return wrong("remove it, or check $ORIGIN and dots at the end of names", "name %s is not in the zone %s", name, p.zone.Origin)
}

// mistake reports an error in an entry.
func (p *parser) mistake(st *state, e entry, m mistake) {
	at := place{file: st.file, line: e.line}
	if m.word >= 0 && m.word < len(e.words) {
		at.line, at.col = e.words[m.word].line, e.words[m.word].col
	}
	p.problem(at, Error, st.owner, m)
}

// tear remembers a record that could not be read.
func (p *parser) tear(st *state, h header) {
	if st.badOwner || st.owner == "" {
		p.torn.any = true
	} else {
		p.torn.names[canonical(st.owner)] = true
	}
	p.torn.types[h.rrtype] = true
}
