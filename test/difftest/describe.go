package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ballast-lb/ballast/test/difftest/judge"
	"github.com/ballast-lb/ballast/test/difftest/zonegen"

	"github.com/miekg/dns"
)

// describe fills in the example of a difference.
func (f *finding) describe(d *difference) {
	d.Seed, d.Origin, d.Zone = f.subject.seed, f.origin, f.subject.zone.Text()
	nearest := f.others[0]
	for _, ref := range f.others {
		if ref.Name == f.verdict.Nearest {
			nearest = ref
		}
	}
	d.Expected = "; as " + nearest.Name + " answers\n" + questionText(f.question) + answerText(nearest.Answer, f.origin)
	for _, ref := range f.others {
		if ref.Name != nearest.Name && len(f.verdict.Split) > 0 {
			d.Expected += "; " + ref.Name + ":\n" + indent("; ", answerText(ref.Answer, f.origin))
		}
	}
	d.Ours = answerText(f.ours, f.origin)
	for _, fault := range f.verdict.Faults {
		d.Ours += "; " + relative(fault.String(), f.origin) + "\n"
	}
}

func questionText(q zonegen.Question) string {
	text := "question " + q.Name + " " + dns.Type(q.Type).String()
	if q.Size > 0 {
		text += fmt.Sprintf(" edns=%d", q.Size)
	}
	if q.DO {
		text += " do"
	}
	return text + "\n"
}

// answerText is an answer as examples have it.
func answerText(a *judge.Answer, origin string) string {
	if a.Err != nil {
		return "; no answer: " + a.Err.Error() + "\n"
	}
	var b strings.Builder
	b.WriteString("rcode " + dns.RcodeToString[a.Msg.Rcode])
	if a.Msg.Authoritative {
		b.WriteString(" aa")
	}
	b.WriteString("\n")
	for _, part := range parts(a.Msg) {
		for _, rr := range *part.rrs {
			if rr.Header().Rrtype != dns.TypeOPT {
				fmt.Fprintf(&b, "%s %s\n", part.name, relative(strings.ReplaceAll(rr.String(), "\t", " "), origin))
			}
		}
	}
	return b.String()
}

// relative takes the origin out of a text, whatever its case.
func relative(text, origin string) string {
	if origin == "." {
		return text
	}
	for {
		at := strings.Index(strings.ToLower(text), origin)
		if at < 0 {
			return text
		}
		if at > 0 && text[at-1] == '.' && (at < 2 || text[at-2] != '\\') {
			text = text[:at-1] + text[at+len(origin):]
		} else {
			text = text[:at] + "@" + text[at+len(origin):]
		}
	}
}

// saveAll writes differences as examples, with names that do not exist yet.
func saveAll(dir string, differences []difference) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, d := range differences {
		if d.Zone == "" {
			continue
		}
		base := filepath.Join(dir, fmt.Sprintf("seed%d-%d", d.Seed, i))
		text := fmt.Sprintf("origin %s\n; %s\n%s", d.Origin, d.Signature, d.Expected)
		for ext, text := range map[string]string{".zone": d.Zone, ".txt": text} {
			if err := os.WriteFile(base+ext, []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
