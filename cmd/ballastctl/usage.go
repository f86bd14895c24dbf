package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagValues are what flags take, by type.
var flagValues = map[string]string{
	"duration": "a time such as 10m",
	"float64":  "a number such as 0.5",
	"int":      "a whole number",
	"bool":     "true or false",
}

// flagError says what a flag takes, rather than why Go could not read what it was
// given.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err
	}
	f := bad.GetFlag()
	if takes, ok := flagValues[f.Value.Type()]; ok {
		return fmt.Errorf("--%s %s is not %s: %s", f.Name, bad.GetValue(), takes, f.Usage)
	}
	return err
}

// helpTopic refuses to help about what is no command.
func helpTopic(c *cobra.Command, args []string) error {
	found, rest, err := c.Root().Find(args)
	if err != nil || len(rest) == 0 {
		return err
	}
	return unknownCommand(found, rest)
}
