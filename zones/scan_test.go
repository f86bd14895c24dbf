package zones

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestScanner(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // line, "_" for a blank before, words with line:column
	}{
		{"one line", "www IN A 192.0.2.1", []string{"1 1:1 www 1:5 IN 1:8 A 1:10 192.0.2.1"}},
		{"blank lines and comments", "\n ; comment\n\t\nwww A ;x (\nb", []string{"4 4:1 www 4:5 A", "5 5:1 b"}},
		{"blank owner", " A x\n\tA y", []string{"1 _ 1:2 A 1:4 x", "2 _ 2:2 A 2:4 y"}},
		{"parentheses join lines", "a (b ; c\n d) e\nf", []string{"1 1:1 a 1:4 b 2:2 d 2:5 e", "3 3:1 f"}},
		{"parentheses end words", "a(b)c", []string{"1 1:1 a 1:3 b 1:5 c"}},
		{"nested parentheses", "a ((b\n)c\n) d", []string{"1 1:1 a 1:5 b 2:2 c 3:3 d"}},
		{"quotes", `a "b ; ( c" d"e f"`, []string{`1 1:1 a 1:3 "b ; ( c" 1:13 d"e f"`}},
		{"escapes", `a\ b \; \( "\"" \\`, []string{`1 1:1 a\ b 1:6 \; 1:9 \( 1:12 "\"" 1:17 \\`}},
		{"backslash at the end of a line", "a\\\nb", []string{`1 1:1 a\`, "2 2:1 b"}},
		{"line ends of DOS", "a b\r\nc (\r\nd )\r\n", []string{"1 1:1 a 1:3 b", "2 2:1 c 3:1 d"}},
		{"byte order mark", "\xef\xbb\xbfa b", []string{"1 1:1 a 1:3 b"}},
		{"no newline at the end", "a", []string{"1 1:1 a"}},
		{"nothing", "", nil},
		{"comment without end", "; x", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			s := newScanner([]byte(tt.text), func(line, col int, m mistake) { t.Errorf("%d:%d %v", line, col, m) })
			for e, ok := s.next(); ok; e, ok = s.next() {
				text := fmt.Sprint(e.line)
				if e.blank {
					text += " _"
				}
				for _, w := range e.words {
					text += fmt.Sprintf(" %d:%d %s", w.line, w.col, w.text)
				}
				got = append(got, text)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       string // the last problem
	}{
		{"long line", strings.Repeat("x", MaxLine+1), "5:0 error: line is longer than 131072 bytes; split it with parentheses"},
		{"long record", "x TXT (\n" + strings.Repeat(" x\n", MaxEntry/2) + " )",
			"5:7 error: parenthesis is never closed; write `)` after the last value"},
		{"too many errors", strings.Repeat("x\n", MaxProblems+5), "1005:0 error: more than 1000 errors, the rest is not shown; solve these first"},
		{"too many warnings", strings.Repeat("x A 192.0.2.1\n", MaxProblems+5), "1006:0 warning: more than 1000 warnings, the rest is not shown; solve these first"},
		{"nothing but parentheses", strings.Repeat("x (\n", 20_000), "36:0 error: too many records never end; the rest of the file is not read; solve these first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := parseText(tt.text)
			if len(problems) == 0 || len(problems) > MaxProblems+1 {
				t.Fatalf("Got %d problems", len(problems))
			}
			if got := tell(problems)[len(problems)-1]; got != tt.want {
				t.Errorf("Got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestInclude(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // records after the head
	}{
		{"origin and TTL end with the file", "$INCLUDE hosts.zone sub\nx A 192.0.2.9", []string{
			"h1.sub.example.org.\t60\tIN\tA\t192.0.2.1", "h2.sub.example.org.\t60\tIN\tA\t192.0.2.2", "x.example.org.\t3600\tIN\tA\t192.0.2.9"}},
		{"owner is inherited, and comes back", "x A 192.0.2.9\n$INCLUDE inherit.zone\n AAAA ::1", []string{
			"x.example.org.\t3600\tIN\tA\t192.0.2.9", "x.example.org.\t3600\tIN\tTXT\t\"inherited\"",
			"h.deep.example.org.\t3600\tIN\tA\t192.0.2.3", "x.example.org.\t3600\tIN\tAAAA\t::1"}},
		{"paths are relative to the file", "$include a/outer.zone", []string{
			"outer.example.org.\t3600\tIN\tA\t192.0.2.4", "inner.example.org.\t3600\tIN\tA\t192.0.2.5"}},
		{"name in quotes", `$INCLUDE "two words.zone"`, []string{"spaced.example.org.\t3600\tIN\tA\t192.0.2.8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z, problems := parseText(tt.text)
			if z == nil {
				t.Fatal(Join(problems))
			}
			var got []string
			for _, r := range z.Records[3:] {
				got = append(got, r.RR.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestIncludeMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"mistake in the included file", "$INCLUDE wrong.zone",
			"wrong.zone:3: A: `192.0.2.256` is not an IPv4 address; A takes an IPv4 address, like `A 192.0.2.1`"},
		{"circle of two files", "$INCLUDE circle1.zone", "circle2.zone:2: circle1.zone includes itself, by way of circle2.zone; remove one of the $INCLUDE lines"},
		{"parenthesis does not reach beyond the file", "$INCLUDE unfinished.zone\ny A 192.0.2.1 )",
			"test.zone:6: closing parenthesis without an opening one; remove it, or write `(` before the first value\n" +
				"unfinished.zone:1: parenthesis is never closed; write `)` after the last value"},
		{"bad origin", "$INCLUDE hosts.zone a..b", "test.zone:5: $INCLUDE: `a..b` is not a domain name; write `$INCLUDE FILE ORIGIN`"},
		{"empty name", `$INCLUDE ""`, "test.zone:5: $INCLUDE has an empty file name; write `$INCLUDE FILE`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := parseText(tt.text)
			if err := Join(problems); err == nil || err.Error() != tt.want {
				t.Errorf("Got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoadMistakes(t *testing.T) {
	for _, tt := range []struct{ name, path, origin, want string }{
		{"no file", "testdata/nowhere.zone", "example.org", "testdata/nowhere.zone: cannot read the zone: no such file or directory; check the path and its permissions"},
		{"not a regular file", "/dev/null", "example.org", "/dev/null: cannot read the zone: /dev/null is not a regular file; check the path and its permissions"},
		{"bad origin", "example.org.zone", "a..b", `example.org.zone: zone name "a..b" is not a domain name; write it like example.org`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z, problems := Load(tt.path, tt.origin, Settings{})
			if err := Join(problems); z != nil || err == nil || err.Error() != tt.want {
				t.Errorf("Got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestRootZone(t *testing.T) {
	const text = "$TTL 60\n. SOA a. b. 1 2 3 4 5\n. NS a.\na A 192.0.2.1\n*.x A 192.0.2.2\nwww LB srv _a\n_a SRV 0 0 80 y.x\n"
	z, problems := Parse(strings.NewReader(text), ".", "root", Settings{})
	if z == nil || len(problems) > 0 {
		t.Fatalf("Problems: %v", problems)
	}
	if got := z.Members(&z.LBs[0]); len(got) != 1 || got[0].ID != "y.x:80" {
		t.Errorf("Got %+v", got)
	}
}

// The lowest TTL of a set serves for all, and of duplicates one is left.
func TestSetsAreSettled(t *testing.T) {
	z, problems := parseText("x 60 A 192.0.2.1\nx 30 A 192.0.2.2\nX 60 A 192.0.2.1\nx MX 1 NS1\nx MX 1 ns1")
	if z == nil {
		t.Fatal(Join(problems))
	}
	var got []string
	for _, r := range z.Records[3:] {
		got = append(got, fmt.Sprintf("%d %v", r.Line, r.RR))
	}
	want := []string{"5 x.example.org.\t30\tIN\tA\t192.0.2.1", "6 x.example.org.\t30\tIN\tA\t192.0.2.2", "8 x.example.org.\t3600\tIN\tMX\t1 NS1.example.org."}
	if !slices.Equal(got, want) {
		t.Errorf("Got  %q\nwant %q", got, want)
	}
}

func TestLBNamesAreCanonical(t *testing.T) {
	z, problems := parseText(`*.W\087w 60 LB consul web empty=Sorry
sorry A 192.0.2.1
$ORIGIN sub
here LB srv _A empty=@
@ A 192.0.2.1
_a SRV 0 0 1 ns1.example.org.`)
	if z == nil {
		t.Fatal(Join(problems))
	}
	for i, want := range []string{
		"*.www.example.org.\t60\tIN\tLB\tconsul web empty=sorry.example.org.",
		"here.sub.example.org.\t3600\tIN\tLB\tsrv _a.sub.example.org. empty=sub.example.org.",
	} {
		if got := z.LBs[i].RR().String(); got != want {
			t.Errorf("Got  %q\nwant %q", got, want)
		}
	}
}
