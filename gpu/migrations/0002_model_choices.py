
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gpu', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ModelChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(choices=[('chat', 'New chats'), ('vision', 'Looking at pictures'), ('title', 'Titles of chats'), ('prompt', 'Writing the prompts of pictures')], max_length=16, unique=True, verbose_name='purpose')),
                ('name', models.CharField(max_length=190, verbose_name='model')),
            ],
            options={
                'verbose_name': 'choice of a model',
                'verbose_name_plural': 'choices of models',
            },
        ),
        migrations.AddField(
            model_name='languagemodel',
            name='label',
            field=models.CharField(blank=True, help_text='What people see; empty: the name itself.', max_length=80, verbose_name='friendly name'),
        ),
    ]
