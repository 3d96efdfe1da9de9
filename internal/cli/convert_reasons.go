package cli

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// why is why a container counts as a sidecar.
func why(named bool, signals []roles.Signal) string {
	var out []string
	if named {
		out = append(out, "you named it")
	}
	for _, s := range signals {
		text := signalText(s)
		if len(s.Evidence) > 0 && s.Evidence[0].Place.Line > 0 {
			text += fmt.Sprintf(" (line %d)", s.Evidence[0].Place.Line)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func signalText(s roles.Signal) string {
	by := s.By
	if by == "" {
		by = "another container"
	}
	switch s.Kind {
	case roles.KnownSoftware:
		return "its software is known as a sidecar"
	case roles.CalledByMain:
		return by + " connects to it"
	case roles.FollowsFiles:
		return "it follows files of " + by
	case roles.FilesWritten:
		return by + " writes the files that it reads"
	case roles.Awaited:
		return by + " waits for it"
	case roles.StoppedByMain:
		return by + " stops it"
	case roles.ServerInJob:
		return "it is a server in a pod that is to complete"
	case roles.NotDefault:
		return "another container is the default one"
	case roles.InitTwin:
		return "an init container has the same image"
	case roles.FeedsFiles:
		return "it writes files that " + by + " reads"
	case roles.NamedSo:
		return "its name"
	case roles.NeverExits:
		return "it is a server among the init containers"
	}
	return string(s.Kind)
}

// probeText is what becomes of the start of the next container.
func probeText(m convert.Move) string {
	p := m.Proposal
	switch {
	case m.Probe != nil && p.Doubt == roles.MayBeLoopback:
		return fmt.Sprintf("its startupProbe asks port %d: nothing proves that it listens there on the pod's IP; on 127.0.0.1 alone the probe would never pass, and the pod would not start", p.Port)
	case m.Probe != nil:
		return "the next container starts when its startupProbe passes"
	}
	reason := ""
	switch {
	case p.Doubt == roles.NotNeeded:
		return "no startupProbe: it follows files, and nobody waits for it"
	case p.Doubt == roles.MayNeedMain:
		reason = "what answers its own probe may be the main container, which starts later"
	case p.Doubt == roles.OwnCannotPass:
		reason = "it listens on loopback only, so its own probes cannot pass either"
	case p.Basis == software.NoneLoopback, p.Basis == software.FromWidened:
		reason = "it listens on loopback only, where the kubelet does not reach it"
	case p.Basis == software.FromFlags, p.Basis == software.NoneThroughShell:
		reason = "its health endpoint has to be switched on: " + strings.Join(p.Missing, " ")
	case p.Basis == software.NoneNeeds:
		reason = "its health endpoint has to be switched on: " + p.Endpoint.Needs
	case m.Proposal.Known():
		return "it has a startupProbe"
	default:
		reason = "nothing says how to ask it"
	}
	return "no startupProbe: " + reason + "; the next container starts as soon as it runs"
}

// removedText is what was or could be taken out.
func removedText(r convert.Removed, w *workload.Workload) string {
	what := fmt.Sprintf("%s around %s", strings.ReplaceAll(string(r.Kind), "-", " "), r.Sidecar)
	var where []string
	for _, e := range r.Evidence {
		where = append(where, workload.FieldName(w.Spec(), e.Path))
	}
	what += ": " + strings.Join(where, ", ")
	switch r.Left {
	case "":
		return "taken out: " + what + keptText(r.Kept, w)
	case convert.NotAsked:
		return "no longer needed: " + what + ": --remove-workarounds takes it out"
	case convert.StillNeeded:
		return "stays, as no startupProbe waits: " + what
	}
	if why := unclearText(r.Workaround); why != "" {
		return "no longer needed, but it stays: " + what + ": " + why
	}
	return "no longer needed, but not understood line by line, so it stays: " + what
}

// unclearText is why a workaround is not understood.
func unclearText(w roles.Workaround) string {
	switch w.Unclear {
	case roles.NoScript:
		return "what it does is not in a script of the manifest"
	case roles.Inside:
		return "in " + w.Container + " it stands in a condition, a loop or a function, so the exit code could be another one without it"
	case roles.NothingElse:
		return w.Container + " does nothing else"
	case roles.DoesMore:
		return w.Sidecar + " does more than to run until the file is there"
	}
	return ""
}

// keptText names what of a workaround stays.
func keptText(kept []roles.Kept, w *workload.Workload) string {
	out := ""
	for _, k := range kept {
		out += "; " + workload.FieldName(w.Spec(), k.Path) + " stays, as " + k.By + " may need it"
		if len(k.Evidence) > 0 {
			out += ": " + k.Evidence[0].Quote
		}
	}
	return out
}
