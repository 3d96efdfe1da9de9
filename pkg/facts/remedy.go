package facts

import "strings"

// A Remedy is what closes a gap: what to do, and the command that does it, if there is one.
type Remedy struct {
	// Text is prose: "run against the cluster, or add:".
	Text string
	// Command is what to paste: command lines for a shell, as they are.
	Command string
}

// Do is a remedy: what to do, in words, and the command lines that do it.
func Do(text string, commands ...string) Remedy {
	return Remedy{Text: text, Command: strings.Join(commands, "\n")}
}

// String is the remedy as one text: one command line follows the words, several are set off below them.
func (r Remedy) String() string { return r.Text + r.tail() }

func (r Remedy) tail() string {
	switch {
	case r.Command == "":
		return ""
	case strings.Contains(r.Command, "\n"):
		return "\n  " + strings.ReplaceAll(r.Command, "\n", "\n  ")
	}
	return " " + r.Command
}

// ClosedBy is the gap with its remedy.
func (g Gap) ClosedBy(r Remedy) Gap {
	g.Remedy, g.Command = r.String(), r.Command
	return g
}

// HowToClose is what ClosedBy was given. A command that is not the end of the remedy was put there by somebody
// else, and is left out.
func (g Gap) HowToClose() Remedy {
	r := Remedy{Command: g.Command}
	text, found := strings.CutSuffix(g.Remedy, r.tail())
	if !found {
		return Remedy{Text: g.Remedy}
	}
	r.Text = text
	return r
}

// AskEach is how to ask API servers one by one; without addresses they are for the reader to fill in.
func AskEach(addresses []string) Remedy {
	if len(addresses) == 0 {
		addresses = []string{"ADDRESS:PORT"}
	}
	var commands []string
	for _, address := range addresses {
		commands = append(commands, "kubectl sidecar doctor --server https://"+address+" --tls-server-name kubernetes.default.svc")
	}
	return Do("ask each one directly, where the network allows it:", commands...)
}
