package bpf_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/internal/skip"
	"github.com/cilium/ebpf/btf"
)

// What is committed is what the C code gives.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	args := generator(t)
	for _, tool := range []string{"clang-14", "llvm-strip-14"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip.UnlessCI(t, "cannot generate without %s: %v", tool, err)
		}
	}
	dir := t.TempDir()
	cmd := exec.Command(args[0], append(args[1:3:3], append([]string{"-output-dir", dir}, args[3:]...)...)...)
	cmd.Env = append(os.Environ(), "GOPACKAGE=bpf", "GOFILE=gen.go")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	for _, name := range []string{"director_bpfel.go", "director_bpfel.o"} {
		fresh, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fresh, committed) {
			t.Errorf("%s is not what the C code gives: run make gen", name)
		}
	}
}

// generator is the command of gen.go: go tool bpf2go and its arguments.
func generator(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("gen.go")
	if err != nil {
		t.Fatal(err)
	}
	_, line, ok := strings.Cut(string(source), "//go:generate ")
	line, _, _ = strings.Cut(line, "\n")
	args := strings.Fields(line)
	if !ok || len(args) < 4 || args[1] != "tool" {
		t.Fatalf("gen.go: %q is not go tool bpf2go", line)
	}
	return args
}

// Structures that C and Go share are laid out alike, and those in pinned maps
// keep their sizes, as the maps outlive the program.
func TestLayouts(t *testing.T) {
	spec, err := bpf.LoadDirector()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		value any
		size  uint32
	}{
		"tuple": {bpf.Tuple{}, 40}, "bucket": {bpf.Bucket{}, 64}, "conn": {bpf.Conn{}, 128}, "opening": {bpf.Opening{}, 128}, "real": {bpf.Real{}, 128},
		"tally": {bpf.Tally{}, 64}, "volume": {bpf.Volume{}, 40}, "span": {bpf.Span{}, 8}, "service": {bpf.Service{}, 128},
		"vip": {bpf.VIP{}, 20}, "affinity_key": {bpf.AffinityKey{}, 20}, "affinity": {bpf.Affinity{}, 16},
		"settings": {bpf.Settings{}, 112}, "gauge": {bpf.Gauge{}, 64}, "ask": {bpf.Ask{}, 144},
	} {
		t.Run(name, func(t *testing.T) {
			var s *btf.Struct
			if err := spec.Types.TypeByName(name, &s); err != nil {
				t.Fatal(err)
			}
			if s.Size != c.size {
				t.Errorf("%d bytes in C, want %d", s.Size, c.size)
			}
			sameLayout(t, s, reflect.TypeOf(c.value))
		})
	}
}

func sameLayout(t *testing.T, c *btf.Struct, g reflect.Type) {
	t.Helper()
	if uint32(g.Size()) != c.Size {
		t.Errorf("%d bytes in Go, %d in C", g.Size(), c.Size)
	}
	var fields []reflect.StructField
	for f := range g.Fields() {
		if f.Name != "_" {
			fields = append(fields, f)
		}
	}
	if len(fields) != len(c.Members) {
		t.Fatalf("%d fields in Go, %d in C", len(fields), len(c.Members))
	}
	for i, m := range c.Members {
		f := fields[i]
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.EqualFold(strings.ReplaceAll(m.Name, "_", ""), f.Name) || uintptr(m.Offset.Bytes()) != f.Offset || uintptr(size) != f.Type.Size() {
			t.Errorf("%s at %d of %d bytes in C, %s at %d of %d in Go", m.Name, m.Offset.Bytes(), size, f.Name, f.Offset, f.Type.Size())
		}
	}
}

// Enumerations have the same names and numbers in C and in Go.
func TestEnumerations(t *testing.T) {
	spec, err := bpf.LoadDirector()
	if err != nil {
		t.Fatal(err)
	}
	constants := goConstants(t)
	for name, prefix := range map[string]string{
		"reason": "Reason", "conn_state": "ConnState", "conn_flag": "ConnFlag", "scheduler": "Scheduler", "mode": "Mode",
		"on_failure": "OnFailure", "real_state": "RealState", "ask_kind": "AskKind",
	} {
		var enum *btf.Enum
		if err := spec.Types.TypeByName(name, &enum); err != nil {
			t.Fatal(err)
		}
		for _, v := range enum.Values {
			key := "Director" + prefix + v.Name
			if got, ok := constants[key]; !ok || got != v.Value {
				t.Errorf("%s is %d in C, and %s is %d (there: %v) in Go", v.Name, v.Value, key, got, ok)
			}
		}
	}
}

// goConstants are the numbers of the generated file by name.
func goConstants(t *testing.T) map[string]uint64 {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "director_bpfel.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]uint64{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			if v, err := strconv.ParseUint(literal.Value, 0, 64); err == nil {
				constants[spec.Names[0].Name] = v
			}
		}
		return true
	})
	return constants
}

// maxSteps bounds the verifier's work; the kernel's own bound is a million.
const maxSteps = 50_000

func TestVerifierSteps(t *testing.T) {
	d := shared.Use(t)
	for name, p := range d.Programs() {
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		steps, ok := info.VerifiedInstructions()
		if !ok {
			t.Fatal("this kernel does not tell the number of steps, as all do that the datapath runs on")
		}
		insns, err := info.Instructions()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("verifier: %-8s %7d steps for %5d instructions\n", name, steps, len(insns))
		if steps > maxSteps {
			t.Errorf("%s takes %d steps, want at most %d", name, steps, maxSteps)
		}
	}
}
