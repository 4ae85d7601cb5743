"""What people read of an encoding."""

from pod_jobs.jobs.job_type import Text, Words

WORDS = Words(
    name=Text("Encoding", "Encodage"),
    running=Text("Encoding", "Encodage"),
    done=Text("Done", "Terminé"),
    error=Text("Failed", "Échec"),
    cancelled=Text("Cancelled", "Annulé"),
    failed=Text("Encoding failed", "L’encodage a échoué"),
    queued=Text("The encoding is waiting for a worker.", "L’encodage attend un processus."),
    stopping=Text("The encoding will stop within seconds.", "L’encodage va s’arrêter dans quelques secondes."),
    stopped=Text("The encoding is cancelled.", "L’encodage est annulé."),
    again=Text("Being encoded again", "Nouvel encodage en cours"),
    kept=Text(
        "The last encoding failed; the previous one is shown.",
        "Le dernier encodage a échoué\u202f; le précédent est affiché.",
    ),
    steps={
        "waiting": Text("Waiting for another encoding of this video", "Attente d’un autre encodage de cette vidéo"),
        "probe": Text("Reading the file", "Lecture du fichier"),
        "encode": Text("Encoding", "Encodage"),
        "package": Text("Writing the downloads", "Écriture des téléchargements"),
        "captions": Text("Reading the subtitles", "Lecture des sous-titres"),
        "pictures": Text("Making the pictures", "Création des images"),
    },
)
