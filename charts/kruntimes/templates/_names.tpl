{{/* Of objects in the namespace of the release. Without dots: Services have none. */}}
{{- define "kruntimes.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- $full | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Of objects of the cluster: `NAME.NAMESPACE`, which no other release has. Arguments: root, name. */}}
{{- define "kruntimes.clusterName" -}}
{{- printf "%s-%s.%s" (include "kruntimes.fullname" .root) .name .root.Release.Namespace -}}
{{- end -}}

{{/* Who has a scope. */}}
{{- define "kruntimes.installation" -}}
{{- printf "%s.%s" (include "kruntimes.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* Name of the Lease by which replicas of a component elect a leader: that of the scope. Arguments: root, name. */}}
{{- define "kruntimes.leaseName" -}}
{{- with .root.Values.watchNamespace -}}
{{- printf "kruntimes-%s.namespace.%s" $.name . -}}
{{- else -}}
{{- printf "kruntimes-%s.cluster" .name -}}
{{- end -}}
{{- end -}}

{{- define "kruntimes.labels" -}}
{{ include "kruntimes.releaseLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kruntimes
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "kruntimes.releaseLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Arguments: root, name. */}}
{{- define "kruntimes.selectorLabels" -}}
{{ include "kruntimes.releaseLabels" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{/* Arguments: root, image. */}}
{{- define "kruntimes.image" -}}
{{- with .root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .image.repository -}}
{{- with .image.digest }}@{{ . }}{{ else }}:{{ .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}
