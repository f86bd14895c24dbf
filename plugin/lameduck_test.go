package ballast

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/freeport"
)

// TestLameduck has a name server that goes on answering while others take it out:
// it does so from what is true by then, and can be watched and told.
func TestLameduck(t *testing.T) {
	t.Parallel() // it mostly waits
	c := consultest.Start(t, consultest.Options{})
	register(t, c, instance{ID: "web-1", Name: "web", Address: "192.0.2.1"})
	dir := stateful(t, "www 60 IN LB consul web min-ttl=5 ramp=0\n")
	health, metrics := freeport.For(t), fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	const lameduck = 4 * time.Second
	p := launch(t, dir, fmt.Sprintf("health 127.0.0.1:%d {\nlameduck %v\n}\nprometheus %s\n", health, lameduck, metrics)+
		strings.Replace(keepsState, "{", "{\nconsul "+c.Addr, 1))
	until(t, "the first answer", 10*time.Second, func() bool { return p.answers() == "192.0.2.1" })
	listening(t, metrics)

	told := time.Now()
	p.Signal(syscall.SIGTERM)
	until(t, "the lameduck", 5*time.Second, func() bool { return strings.Contains(p.text.String(), "lameduck") })
	register(t, c, instance{ID: "web-1", Name: "web", Address: "192.0.2.111"})
	until(t, "the changed answer", 3*time.Second, func() bool { return p.answers() == "192.0.2.111" })
	if _, err := controlIn(dir).Status(t.Context()); err != nil {
		t.Error(err)
	}
	if names := scrape(t, metrics).with("coredns_ballast_ttl_seconds"); len(names) != 1 {
		t.Errorf("Names in the metrics: %q", names)
	}
	<-p.Ended()
	if took := time.Since(told); took < lameduck || took > lameduck+3*time.Second {
		t.Errorf("It ended after %v", took)
	}
	if code := p.State().ExitCode(); code != 0 {
		t.Errorf("Exit code %d:\n%s", code, p.text)
	}
}
