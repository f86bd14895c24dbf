package main

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// keyHelp is what the keys do, in the order of the keyboard: each column is a
// server.
const keyHelp = "1 2 3 overload   q w e stop or start   a s d slow"

// keys is what each key does; the words tell what was done.
type keys map[byte]func() (string, error)

// keymap knows the keys that do something.
func keymap(c *cast, quit func()) keys {
	all := keys{}
	for _, k := range []byte{'x', 'X', 3} { // Ctrl-C is no signal on a raw terminal
		all[k] = func() (string, error) { quit(); return "ending", nil }
	}
	rows := []struct {
		keys string
		do   func(name string) (string, error)
	}{
		{"123", c.toggleOverload},
		{"qwe", c.toggleStop},
		{"QWE", c.toggleStop},
		{"asd", func(name string) (string, error) { return c.act(name, "slow") }},
	}
	for _, row := range rows {
		for i, w := range c.webs {
			all[row.keys[i]] = func() (string, error) { return row.do(w.name) }
		}
	}
	if c.consul != nil {
		all['c'] = c.toggleConsul
	}
	return all
}

// keyboard is a terminal that hands over each key as it is pressed.
type keyboard struct {
	tty     *os.File // opened anew, so that closing it ends a Read
	stdin   int
	restore *term.State
	done    chan struct{}
}

// openKeyboard puts the terminal into raw mode. Close puts it back.
func openKeyboard(stdin *os.File, all keys, happen func(string)) (*keyboard, error) {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return nil, fmt.Errorf("keyboard: %w", err)
	}
	k := &keyboard{tty: tty, stdin: int(stdin.Fd()), done: make(chan struct{})}
	if k.restore, err = term.MakeRaw(k.stdin); err != nil {
		tty.Close()
		return nil, fmt.Errorf("keyboard: %w", err)
	}
	go k.read(all, happen)
	return k, nil
}

func (k *keyboard) read(all keys, happen func(string)) {
	defer close(k.done)
	buffer := make([]byte, 32)
	for {
		n, err := k.tty.Read(buffer)
		if err != nil {
			return
		}
		for _, key := range buffer[:n] {
			press(all, key, happen)
		}
	}
}

// press does what a key is for.
func press(all keys, key byte, happen func(string)) {
	do, ok := all[key]
	if !ok {
		return
	}
	done, err := do()
	if err != nil {
		done = err.Error()
	}
	happen(done)
}

// Close restores the terminal.
func (k *keyboard) Close() {
	_ = term.Restore(k.stdin, k.restore) // if it is gone, nobody needs it
	k.tty.Close()
	<-k.done
}
