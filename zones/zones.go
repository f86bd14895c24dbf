// Package zones reads zone files with LB records.
//
// A zone file is an ordinary RFC 1035 master file ($ORIGIN, $TTL, $INCLUDE and
// $GENERATE included) in which one more record type, LB, marks the names whose
// answers are steered. Parse collects every mistake of a file with its line
// and a remedy, and gives either a whole zone or none.
//
// Importing the package teaches miekg/dns the type LB.
package zones

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/miekg/dns"
)

// The bounds of what is read. They are far above any real zone's needs and
// keep a wrong file from eating the machine.
const (
	MaxBytes    = 64 << 20  // of one zone: its file with all that it includes
	MaxLine     = 128 << 10 // bytes of one line
	MaxEntry    = 256 << 10 // bytes of one record with its continuation lines
	MaxRecords  = 1 << 20   // records of one zone
	MaxGenerate = 1 << 16   // records of one $GENERATE
	MaxDepth    = 8         // files that include one another
	MaxIncludes = 10000     // $INCLUDE lines of one zone, repeated ones counted each time
	MaxProblems = 1000      // errors after which the rest of the zone is left unread, and warnings shown
)

// Zone is one zone's data. It is never written to after Parse.
type Zone struct {
	Origin  string // canonical: lower case, fully qualified
	File    string
	Files   []string // File and all that it includes, in the order of first use
	SOA     *dns.SOA // as it is served: see WithSerial
	Records []Record // all but LB, in the order of the file; the SOA as the file has it
	LBs     []LBRecord

	index    *index
	soa      rrset   // of the SOA
	negative rrset   // the SOA of negative answers
	denial   *denial // nil if the zone is not signed
}

// Record is one static record and where it stands. Escapes in its names are
// written as they would be read from a message.
type Record struct {
	RR   dns.RR
	File string
	Line int
}

// LBRecord is one steered name.
type LBRecord struct {
	Name string // canonical; a wildcard begins with "*."
	TTL  uint32 // longest TTL of an answer, in seconds; at least 1
	LB   *LB    // its names are absolute
	File string
	Line int
}

// RR is the record as miekg/dns knows it.
func (r *LBRecord) RR() dns.RR {
	rr := dns.TypeToRR[TypeLB]().(*dns.PrivateRR)
	rr.Hdr = dns.RR_Header{Name: r.Name, Rrtype: TypeLB, Class: dns.ClassINET, Ttl: r.TTL}
	rr.Data = r.LB.clone()
	return rr
}

// Settings are what Parse cannot know from the zone alone.
type Settings struct {
	// Policies are the names that policy= may take; empty accepts any.
	Policies []string
	// Allow tells what the rest of the configuration has against an LB record,
	// as "mistake; remedy". Nil allows all.
	Allow func(*LB) error
	// Open opens an included file. Nil is OpenFile.
	Open func(path string) (io.ReadCloser, error)
}

// Parse reads the zone origin from r. The name file is used in problems and to
// find included files. The problems are in the order of the lines, file by
// file. The zone is nil if, and only if, one of them is an Error.
func Parse(r io.Reader, origin, file string, s Settings) (*Zone, []Problem) {
	p := newParser(file, s)
	name, ok := absolute(origin, ".")
	if !ok {
		p.problem(place{file: file}, Error, "", mistake{
			text:   fmt.Sprintf("zone name %q is not a domain name", origin),
			remedy: "write it like example.org",
		})
		return nil, p.problems
	}
	p.zone.Origin = canonical(name)
	p.file(r, state{file: file, origin: name})
	p.check()
	problems := sorted(p.problems, p.zone.Files)
	if Failed(problems) {
		return nil, problems
	}
	p.zone.serve()
	return p.zone, problems
}

// Load reads the zone origin from the file path. See Parse.
func Load(path, origin string, s Settings) (*Zone, []Problem) {
	open := s.Open
	if open == nil {
		open = OpenFile
	}
	f, err := open(path)
	if err != nil {
		return nil, []Problem{{
			File: path, Severity: Error, Record: dns.Fqdn(origin),
			Message: fmt.Sprintf("cannot read the zone: %v", bare(err)),
			Remedy:  "check the path and its permissions",
		}}
	}
	defer f.Close()
	return Parse(f, origin, filepath.Clean(path), s)
}
