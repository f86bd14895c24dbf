package config

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func unfolded(src string) source {
	tokens, _ := hclsyntax.LexConfig([]byte(src), "d.hcl", hcl.InitialPos)
	return newSource([]byte(src), unfold(tokens))
}

func TestUnfold(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"two settings", "p { a = 1, b = 2 }\n", "p {\n a = 1\n b = 2 \n}\n"},
		{"without spaces", `p{a=1,b=2}`, "p{\na=1\nb=2\n}"},
		{"a comma at the end", `p { a = 1, }`, "p {\n a = 1\n \n}"},
		{"one setting stays", "p { a = 1 }\n", "p { a = 1 }\n"},
		{"none stays", "p { }\n", "p { }\n"},
		{"lines stay", "p {\n a = 1\n b = 2\n}\n", "p {\n a = 1\n b = 2\n}\n"},
		{"commas between lines stay, to be refused", "p {\n a = 1,\n b = 2\n}\n", "p {\n a = 1,\n b = 2\n}\n"},
		{"a comma before anything stays, to be refused", `p { , a = 1 }`, `p { , a = 1 }`},
		{"two commas stay, to be refused", `p { a = 1,, b = 2 }`, `p { a = 1,, b = 2 }`},
		{"a list", `p { a = [1, 2], b = 2 }`, "p {\n a = [1, 2]\n b = 2 \n}"},
		{"a list alone", `p { a = [1, 2] }`, `p { a = [1, 2] }`},
		{"a list over lines", "p { a = [1,\n2], b = 2 }", "p {\n a = [1,\n2]\n b = 2 \n}"},
		{"an object", `p { a = { x = 1, y = 2 }, b = 2 }`, "p {\n a = { x = 1, y = 2 }\n b = 2 \n}"},
		{"an object alone", `a = { x = 1, y = 2 }`, `a = { x = 1, y = 2 }`},
		{"a call", `p { a = f(1, 2) }`, `p { a = f(1, 2) }`},
		{"text", `p { a = "x, { y = 1, z }", b = "\", }" }`, "p {\n a = \"x, { y = 1, z }\"\n b = \"\\\", }\" \n}"},
		{"text with a template", `p { a = "${f(1, "{,")}," }`, `p { a = "${f(1, "{,")}," }`},
		{"a comment within", `p { a = 1 /* , { */, b = 2 }`, "p {\n a = 1 /* , { */\n b = 2 \n}"},
		{"a comment behind", "p { a = 1, b = 2 } # { a, b }\n", "p {\n a = 1\n b = 2 \n} # { a, b }\n"},
		{"a comment that hides the end", "p { a = 1, # b = 2 }\n}\n", "p { a = 1, # b = 2 }\n}\n"},
		{"a heredoc", "a = <<E\np { a = 1, b = 2 }\nE\n", "a = <<E\np { a = 1, b = 2 }\nE\n"},
		{"labels", `p "x" y { a = 1, b = 2 }`, "p \"x\" y {\n a = 1\n b = 2 \n}"},
		{"a block within", `p { a = 1, q "x" { b = 1, c = 2 }, r { d = 1 } }`, "p {\n a = 1\n q \"x\" {\n b = 1\n c = 2 \n}\n r { d = 1 } \n}"},
		{"a block within lines", "p {\n q { b = 1, c = 2 }\n}\n", "p {\n q {\n b = 1\n c = 2 \n}\n}\n"},
		{"carriage returns", "p { a = 1, b = 2 }\r\nc = 3\r\n", "p {\n a = 1\n b = 2 \n}\r\nc = 3\r\n"},
		{"unclosed", `p { a = 1, b = 2`, `p { a = 1, b = 2`},
		{"closed too often", `p { a = 1, b = 2 } } ]`, "p {\n a = 1\n b = 2 \n} } ]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := unfolded(c.src)
			if string(s.text) != c.want {
				t.Fatalf("got  %q\nwant %q", s.text, c.want)
			}
			samePlaces(t, []byte(c.src), s)
		})
	}
}

// samePlaces finds every byte that was kept where it was written.
func samePlaces(t *testing.T, original []byte, s source) {
	t.Helper()
	lines := bytes.SplitAfter(original, []byte("\n"))
	from := 0
	for offset, b := range s.text {
		line, column := s.place(offset)
		if line < 1 || line > len(lines) || column < 1 || column > len(lines[line-1])+1 {
			t.Fatalf("byte %d of %q is at %d:%d of %q", offset, s.text, line, column, original)
		}
		at := column - 1
		for _, l := range lines[:line-1] {
			at += len(l)
		}
		if at < from {
			t.Fatalf("byte %d of %q is before its predecessor in %q", offset, s.text, original)
		}
		from = at
		if b != '\n' && original[at] != b {
			t.Fatalf("byte %d of %q is %q, at %d:%d of %q is %q", offset, s.text, b, line, column, original, original[at])
		}
	}
}

// TestLinesBehindUnfolded makes sure that what was unfolded leaves the lines
// behind it as they are.
func TestLinesBehindUnfolded(t *testing.T) {
	src := strings.Replace(example, `address   = "10.200.0.100"`, `reports { port = 1, interval = "1s", }; eject {}`, 1)
	if got := problems(t, src); !strings.HasPrefix(got, "5: error: ") {
		t.Errorf("got %s", got)
	}
	src = strings.Replace(example, "interfaces", "timeouts { udp = \"5s\", reset = \"5s\" }\ninterfaces", 1)
	for _, c := range []struct{ old, new, want string }{
		{`"wlc"`, `"wcl"`, "9: error: scheduler is unknown"},
		{`{ timeout = "360s", prefix = 24 }`, `{ timeout = "360s", prefix = 99 }`, "13: error: prefix is not"},
		{`check "tcp" { interval = "1s" }`, `check "tcp" { interval = "1s", rise = 0 }`, "12: error: rise is not"},
		{`{ timeout = "360s", prefix = 24 }`, `{ timeout = "360s", prefix = }`, "13: error: invalid expression"},
		{"\n}\n", "\n} x\n", "14: error: missing newline after block definition"},
	} {
		if got := problems(t, strings.Replace(src, c.old, c.new, 1)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s", c.new, got)
		}
	}
	c := mustParse(t, src)
	expectLines := []int{c.VIPs[0].Line, c.VIPs[0].Servers[2].Line}
	expect(t, expectLines, []int{5, 11})
}

func TestColumn(t *testing.T) {
	_, err := Parse("d.hcl", []byte(`interfaces = ["eth0"]
syn { retry = "1s", tries = 99 }
`))
	expect(t, err, error(Problems{{
		File: "d.hcl", Line: 2, Column: 29,
		What: "tries is not a whole number within 1 and 16", Value: "99", Remedy: "write such a number",
	}}))
}
