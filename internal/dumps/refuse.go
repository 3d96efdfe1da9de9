package dumps

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What kubectl prints for people does not have what decides, such as restartPolicy of an init container.
var (
	described = regexp.MustCompile(`^Name: {2,}(\S+)\s*\n`)
	// describedField is a line of kubectl describe besides the name.
	describedField = regexp.MustCompile(`(?m)^(Namespace|Priority|Labels|Roles|Annotations|Selector|Service Account|CreationTimestamp|API Version): {2,}(\S*)`)
	tableHead      = regexp.MustCompile(`^(?:NAMESPACE +)?(?:LAST SEEN|NAME) +[A-Z]`)
	plainName      = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
)

// refusal is the error of a file that the user named and that cannot be understood, with what to do about it.
func refusal(place string, text []byte, err error) error {
	err = fmt.Errorf("%s: %w", place, err)
	head := bytes.TrimLeft(text[:min(len(text), 8<<10)], "\ufeff \r\n\t")
	switch {
	case described.Match(head) && describedField.Match(head):
		return &Error{
			fmt.Errorf("%s: what kubectl describe prints is for people: it leaves out what decides", place),
			"get the objects: " + insteadOfDescribe(head),
		}
	case tableHead.Match(head):
		return &Error{
			fmt.Errorf("%s: a table of kubectl get is for people: it leaves out what decides", place),
			"get the objects: " + insteadOfTable(head),
		}
	}
	return &Error{Err: err}
}

// insteadOfDescribe is the command that gets what describe shows.
func insteadOfDescribe(text []byte) string {
	fields := map[string]string{"Name": string(described.FindSubmatch(text)[1])}
	for _, m := range describedField.FindAllSubmatch(text, -1) {
		if _, there := fields[string(m[1])]; !there {
			fields[string(m[1])] = string(m[2])
		}
	}
	name, namespace := fields["Name"], fields["Namespace"]
	kind := "TYPE"
	switch {
	case bytes.Contains(text, []byte("\nKubelet Version:")), fields["Roles"] != "":
		kind = "node"
	case bytes.Contains(text, []byte("\nNode:")), bytes.Contains(text, []byte("\nInit Containers:")), bytes.Contains(text, []byte("\nContainers:")):
		kind = "pod"
	}
	if !plainName.MatchString(name) {
		name = "NAME"
	}
	command := "kubectl get " + kind + " " + name
	if plainName.MatchString(namespace) {
		command += " -n " + namespace
		if kind == "pod" {
			command = "kubectl get pods,events,replicasets,deployments,jobs -n " + namespace
		}
	}
	return command + " -o yaml > FILE"
}

// tables are what tells tables of kubectl get apart.
var tables = []struct {
	columns []string
	command string
}{
	{[]string{"LAST SEEN", "REASON", "OBJECT"}, "kubectl get events"},
	{[]string{"READY", "STATUS", "RESTARTS"}, "kubectl get pods"},
	{[]string{"STATUS", "ROLES", "VERSION"}, "kubectl get nodes"},
	{[]string{"READY", "UP-TO-DATE", "AVAILABLE"}, "kubectl get deployments"},
	{[]string{"COMPLETIONS", "DURATION"}, "kubectl get jobs"},
	{[]string{"WEBHOOKS", "AGE"}, "kubectl get mutatingwebhookconfigurations"},
}

func insteadOfTable(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	command := "kubectl get TYPE"
	for _, t := range tables {
		if !slices.ContainsFunc(t.columns, func(c string) bool { return !strings.Contains(string(line), c) }) {
			command = t.command
			break
		}
	}
	if bytes.HasPrefix(line, []byte("NAMESPACE")) {
		command += " -A"
	}
	return command + " -o yaml > FILE"
}

// ErrURL is a name that is an address: nothing is downloaded.
var ErrURL = errors.New("nothing is downloaded")
