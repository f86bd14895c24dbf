//go:build linux

package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// echoVariable tells a process that it is an Echo: "s1 80" is its name and port.
const echoVariable = "BALLAST_LAB_ECHO"

// EchoProcess is an Echo in a process of its own, with open files of its own.
type EchoProcess struct {
	cmd    *Cmd
	ask    io.WriteCloser
	answer *json.Decoder
}

// echoAnswer is what the process says to each line that it is sent.
type echoAnswer struct {
	Stats EchoStats
	Err   string
}

// Child never returns in a process that StartEchoProcess started. TestMain
// calls it first.
func Child() {
	spec := os.Getenv(echoVariable)
	if spec == "" {
		return
	}
	if err := echoMain(spec, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// echoOrders are the lines that the process obeys. All are answered with the
// counts.
var echoOrders = map[string]func(*Echo) error{
	"start": (*Echo).Start,
	"stop":  func(e *Echo) error { e.Stop(); return nil },
	"reset": func(e *Echo) error { e.Reset(); return nil },
	"stats": func(*Echo) error { return nil },
}

func echoMain(spec string, in io.Reader, out io.Writer) error {
	name, text, _ := strings.Cut(spec, " ")
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s=%q: want a name and a port", echoVariable, spec)
	}
	echo, err := Here(name).StartEcho(port)
	answer := json.NewEncoder(out)
	if err != nil {
		return answer.Encode(echoAnswer{Err: err.Error()})
	}
	defer echo.Close()
	if err := answer.Encode(echoAnswer{Stats: echo.Stats()}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var a echoAnswer
		if do, ok := echoOrders[lines.Text()]; !ok {
			a.Err = fmt.Sprintf("unknown order %q", lines.Text())
		} else if err := do(echo); err != nil {
			a.Err = err.Error()
		}
		a.Stats = echo.Stats()
		if err := answer.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// StartEchoProcess starts a test server as StartEcho does, by running this
// program again, whose main or TestMain must call Child.
func (n *Node) StartEchoProcess(port int) (*EchoProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &EchoProcess{cmd: n.Command(program)}
	p.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", echoVariable, n.Name, port))
	p.cmd.Stderr = os.Stderr
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.answer = json.NewDecoder(out)
	if _, err := p.hear(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *EchoProcess) hear() (EchoStats, error) {
	var a echoAnswer
	if err := p.answer.Decode(&a); err != nil {
		return EchoStats{}, fmt.Errorf("%s: the echo process ended: %w", p.cmd.node.Name, err)
	}
	if a.Err != "" {
		return a.Stats, errors.New(a.Err)
	}
	return a.Stats, nil
}

func (p *EchoProcess) order(what string) (EchoStats, error) {
	if _, err := io.WriteString(p.ask, what+"\n"); err != nil {
		return EchoStats{}, fmt.Errorf("%s: tell the echo process to %s: %w", p.cmd.node.Name, what, err)
	}
	return p.hear()
}

// Start listens again. It and those below do what those of Echo do; one at a
// time.
func (p *EchoProcess) Start() error { _, err := p.order("start"); return err }

// Stop closes the port.
func (p *EchoProcess) Stop() error { _, err := p.order("stop"); return err }

// Reset ends the open connections with RST.
func (p *EchoProcess) Reset() error { _, err := p.order("reset"); return err }

// Stats returns the counts.
func (p *EchoProcess) Stats() (EchoStats, error) { return p.order("stats") }

// Close ends the process; its connections are closed by the kernel.
func (p *EchoProcess) Close() { p.cmd.Kill() }
