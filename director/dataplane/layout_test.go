package dataplane

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf/btf"
)

func typesOf(t *testing.T) *btf.Spec {
	t.Helper()
	spec, err := bpf.LoadDirector()
	if err != nil {
		t.Fatal(err)
	}
	return spec.Types
}

func TestStructsAreThoseOfC(t *testing.T) {
	types := typesOf(t)
	for name, v := range map[string]any{
		"affinity": bpf.Affinity{}, "affinity_key": bpf.AffinityKey{}, "ask": bpf.Ask{}, "conn": bpf.Conn{}, "gauge": bpf.Gauge{},
		"opening": bpf.Opening{}, "real": bpf.Real{}, "service": bpf.Service{}, "settings": bpf.Settings{}, "span": bpf.Span{},
		"tally": bpf.Tally{}, "tuple": bpf.Tuple{}, "vip": bpf.VIP{}, "volume": bpf.Volume{},
	} {
		t.Run(name, func(t *testing.T) {
			var c *btf.Struct
			if err := types.TypeByName(name, &c); err != nil {
				t.Fatal(err)
			}
			compare(t, c, reflect.TypeOf(v))
		})
	}
}

func compare(t *testing.T, c *btf.Struct, g reflect.Type) {
	t.Helper()
	if uintptr(c.Size) != g.Size() {
		t.Errorf("%d bytes in C, %d in Go", c.Size, g.Size())
	}
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(g) {
		if f.Name != "_" {
			fields = append(fields, f)
		}
	}
	if len(fields) != len(c.Members) {
		t.Fatalf("%d members in C, %d in Go", len(c.Members), len(fields))
	}
	for i, m := range c.Members {
		f := fields[i]
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.ReplaceAll(m.Name, "_", ""); !strings.EqualFold(f.Name, want) ||
			uintptr(m.Offset.Bytes()) != f.Offset || uintptr(size) != f.Type.Size() {
			t.Errorf("%s: at %d of %d bytes in C; %s: at %d of %d bytes in Go", m.Name, m.Offset.Bytes(), size, f.Name, f.Offset, f.Type.Size())
		}
	}
}

func TestEnumsAreThoseOfC(t *testing.T) {
	types := typesOf(t)
	for name, values := range map[string]map[string]uint64{
		"reason": {
			"REASON_NONE": uint64(bpf.DirectorReasonREASON_NONE), "REASON_FORWARD_IN": uint64(bpf.DirectorReasonREASON_FORWARD_IN),
			"REASON_DROP_FAILED": uint64(bpf.DirectorReasonREASON_DROP_FAILED), "REASON_MAX": uint64(reasonMax),
		},
		"conn_state": {
			"STATE_FREE": uint64(bpf.DirectorConnStateSTATE_FREE), "STATE_OPENING": uint64(bpf.DirectorConnStateSTATE_OPENING),
			"STATE_ESTABLISHED": uint64(bpf.DirectorConnStateSTATE_ESTABLISHED), "STATE_MOVED": uint64(bpf.DirectorConnStateSTATE_MOVED),
			"STATE_DEAD": uint64(bpf.DirectorConnStateSTATE_DEAD), "STATE_MAX": uint64(bpf.DirectorConnStateSTATE_MAX),
		},
		"real_state": {
			"REAL_ABSENT": uint64(bpf.DirectorRealStateREAL_ABSENT), "REAL_UP": uint64(bpf.DirectorRealStateREAL_UP),
			"REAL_DRAINING": uint64(bpf.DirectorRealStateREAL_DRAINING), "REAL_EJECTED": uint64(bpf.DirectorRealStateREAL_EJECTED),
			"REAL_DOWN": uint64(bpf.DirectorRealStateREAL_DOWN),
		},
		"scheduler": {
			"SCHED_RR": uint64(bpf.DirectorSchedulerSCHED_RR), "SCHED_WRR": uint64(bpf.DirectorSchedulerSCHED_WRR),
			"SCHED_LC": uint64(bpf.DirectorSchedulerSCHED_LC), "SCHED_WLC": uint64(bpf.DirectorSchedulerSCHED_WLC),
			"SCHED_SH": uint64(bpf.DirectorSchedulerSCHED_SH), "SCHED_MAGLEV": uint64(bpf.DirectorSchedulerSCHED_MAGLEV),
			"SCHED_LOAD": uint64(bpf.DirectorSchedulerSCHED_LOAD),
		},
		"mode": {"MODE_NAT": uint64(bpf.DirectorModeMODE_NAT), "MODE_FULLNAT": uint64(bpf.DirectorModeMODE_FULLNAT)},
		"on_failure": {
			"FAIL_RESET_IF_SILENT": uint64(bpf.DirectorOnFailureFAIL_RESET_IF_SILENT), "FAIL_RESET": uint64(bpf.DirectorOnFailureFAIL_RESET),
			"FAIL_DRAIN": uint64(bpf.DirectorOnFailureFAIL_DRAIN),
		},
		"ask_kind": {"ASK_TOO_BIG": uint64(bpf.DirectorAskKindASK_TOO_BIG)},
	} {
		var c *btf.Enum
		if err := types.TypeByName(name, &c); err != nil {
			t.Fatal(err)
		}
		inC := make(map[string]uint64)
		for _, v := range c.Values {
			inC[v.Name] = v.Value
		}
		for value, want := range values {
			if got, ok := inC[value]; !ok || got != want {
				t.Errorf("%s: %d in C (%v), %d in Go", value, got, ok, want)
			}
		}
	}
}

// TestWordsThatAreWrittenAtOnce keeps fields together that must change in one
// store, and those that map arrays on multiples of 8 bytes.
func TestWordsThatAreWrittenAtOnce(t *testing.T) {
	for name, size := range map[string]uintptr{
		"service": reflect.TypeOf(bpf.Service{}).Size(), "real": reflect.TypeOf(bpf.Real{}).Size(),
		"conn": reflect.TypeOf(bpf.Conn{}).Size(), "tally": reflect.TypeOf(bpf.Tally{}).Size(),
		"settings": reflect.TypeOf(bpf.Settings{}).Size(), "gauge": reflect.TypeOf(bpf.Gauge{}).Size(),
	} {
		if size%8 != 0 {
			t.Errorf("%s has %d bytes, which words do not cover", name, size)
		}
	}
	offset := func(v any, field string) uintptr {
		f, ok := reflect.TypeOf(v).FieldByName(field)
		if !ok {
			t.Fatalf("no field %s", field)
		}
		return f.Offset
	}
	for _, field := range []string{"Members", "Table"} {
		if offset(bpf.Service{}, field)%8 != 0 {
			t.Errorf("service.%s is not on a multiple of 8", field)
		}
	}
	if at := offset(bpf.Conn{}, "State"); at%4 != 0 || offset(bpf.Conn{}, "Flags")/4 != at/4 || offset(bpf.Conn{}, "Repeats")/4 != at/4 {
		t.Error("state, flags and repeats of conn are not in one word")
	}
	if offset(bpf.Real{}, "State")/8 != offset(bpf.Real{}, "Port")/8 || offset(bpf.Real{}, "NexthopFamily")/8 != offset(bpf.Real{}, "State")/8 {
		t.Error("port, state and next hop's family of real are not in one word")
	}
}
