package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/test/difftest/judge"
	"github.com/ballast-lb/ballast/test/difftest/zonegen"

	"github.com/miekg/dns"
)

// examples reads all of testdata.
func examples(t *testing.T) []*example {
	t.Helper()
	files, err := filepath.Glob("testdata/*.zone")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples in testdata: %v", err)
	}
	var all []*example
	for _, file := range files {
		e, err := readExample("testdata", strings.TrimSuffix(filepath.Base(file), ".zone"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// TestExamples asks Ballast alone what once showed a difference.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("starts name servers")
	}
	kinds := []*kind{ballast(bin)}
	for _, e := range examples(t) {
		t.Run(e.name, func(t *testing.T) {
			zone := zonegen.Zone{Shape: e.origin, Lines: strings.Split(strings.TrimSpace(e.zone), "\n")}
			s, err := startStage(t.Context(), kinds, []zonegen.Zone{zone})
			if err != nil {
				t.Fatal(err)
			}
			defer s.stop()
			a, err := s.newAsker(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer a.close()
			model, err := judge.ReadZone(e.zone, e.origin)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range e.checks {
				c.ask(t, a, model)
			}
		})
	}
}

func (c *check) ask(t *testing.T, a *asker, zone *judge.Zone) {
	t.Helper()
	m := message(c.question, zone.Origin)
	answers, err := a.ask(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	v := judge.Judge(&judge.Case{
		Zone: zone, Question: m.Question[0], Size: c.question.Size, Ours: answers[0],
		Others: []judge.Reference{{Name: "the example", Answer: judge.NewAnswer(c.want, nil)}},
	})
	if v.Different() {
		t.Errorf("%s %s: %s\n%s", c.question.Name, dns.Type(c.question.Type), v.Signature(), answerText(answers[0], zone.Origin))
	}
}

// TestExamplesSurviveTheirText: what is saved is read as it was.
func TestExamplesSurviveTheirText(t *testing.T) {
	dir := t.TempDir()
	d := difference{
		Signature: "positive: answer: extra A", Seed: 7, Origin: "example.org.", Zone: "@ 60 IN SOA ns1 h 1 2 3 4 5\n",
		Expected: "question a A edns=1232 do\nrcode NOERROR aa\nanswer a 60 IN A 192.0.2.1\nauthority @ 60 IN NS ns1\nadditional ns1 60 IN A 192.0.2.2\n",
	}
	if err := saveAll(dir, []difference{d}); err != nil {
		t.Fatal(err)
	}
	e, err := readExample(dir, "seed7-0")
	if err != nil {
		t.Fatal(err)
	}
	c := e.checks[0]
	if got := questionText(c.question) + answerText(judge.NewAnswer(c.want, nil), e.origin); got != d.Expected || e.zone != d.Zone {
		t.Errorf("saved:\n%sread:\n%s", d.Expected, got)
	}
}

func TestExamplesHaveTheirMistakesTold(t *testing.T) {
	for text, want := range map[string]string{
		"rcode NOERROR":                            `x.txt:1: line begins with "rcode"`,
		"origin example.org.\nquestion a":          "x.txt:2: question has no type",
		"origin example.org.\nquestion a BLA":      `x.txt:2: type "BLA" is not known`,
		"origin example.org.\nquestion a A tcp":    `x.txt:2: option "tcp" is not known`,
		"origin a.\nquestion a A\nrcode OK":        "x.txt:3: write `rcode NOERROR`",
		"origin a.\nquestion a A\nanswer b 60 A x": `x.txt:3: "b 60 A x" is not a record`,
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"x.zone": "", "x.txt": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := readExample(dir, "x"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}
