package facts

// Annotations of a pod template whose sidecars are not native yet, or not everywhere: what `convert --strategy` has made
// of it, so that it can be taken back.
const (
	// StrategyAnnotation names the strategy.
	StrategyAnnotation = "kubectl-sidecar.dev/strategy"
	// SidecarsAnnotation lists the containers that are sidecars.
	SidecarsAnnotation = "kubectl-sidecar.dev/sidecars"
	// ImageCommandsAnnotation lists the containers whose command was that of their image.
	ImageCommandsAnnotation = "kubectl-sidecar.dev/image-commands"
)
